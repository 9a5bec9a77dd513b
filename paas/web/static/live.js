// What is live on the pages. Everything else works without it.
"use strict";

const MOST_LINES = 5000;

// A question before what can't be taken back, and buttons that say that something is under way.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button) return;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) {
    event.preventDefault();
    return;
  }
  if (event.target.method === "post") {
    // After the form was read: a disabled button's value would not be sent.
    setTimeout(() => { button.disabled = true; }, 0);
  }
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("button:disabled").forEach((button) => { button.disabled = false; });
});

const log = document.querySelector("pre[data-events]");
if (log) follow(log, document.querySelector("[data-live-state]"));

function follow(log, state) {
  const say = (words, on) => {
    if (!state) return;
    state.textContent = words;
    state.classList.toggle("on", on);
  };
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  const add = (line) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const row = document.createElement("span");
    row.textContent = line + "\n";
    log.append(row);
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    if (atEnd) toEnd();
  };
  const events = new EventSource(log.dataset.events);
  let ended = false;
  say("connecting…", false);
  toEnd();
  events.onopen = () => {
    // A build's output comes from its beginning, each time.
    if ("reload" in log.dataset) log.replaceChildren();
    say("live", true);
  };
  for (const name of ["output", "message"]) {
    events.addEventListener(name, (event) => add(JSON.parse(event.data).line));
  }
  events.addEventListener("problem", (event) => {
    const found = JSON.parse(event.data);
    add(` !     ${found.what}`);
    if (found.why) add(` !     ${found.why}`);
    if (found.fix) add(` !     ${found.fix}`);
  });
  events.addEventListener("exit", () => {
    ended = true;
    events.close();
    say("ended", false);
    if ("reload" in log.dataset) setTimeout(() => location.reload(), 400);
  });
  events.onerror = () => { if (!ended) say("connecting again…", false); };
}
