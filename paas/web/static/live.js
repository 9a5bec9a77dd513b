// What is live on the pages. Everything else works without it.
"use strict";

const MOST_LINES = 5000, MOST_CHARACTERS = 2_000_000;
const SLOW = 8_000, SILENT = 30_000, LONG_HIDDEN = 600_000, LONGEST_PAUSE = 30_000;

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

// Parts that take long come when the rest is there: from a page of their own, which is also without JavaScript.
document.querySelectorAll("[data-load]").forEach(async (part) => {
  const answer = await fetch(part.dataset.load, { cache: "no-store" });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
  if (answer.ok && found) part.replaceWith(found);
  else part.querySelector(".hint").textContent = "It could not be looked over. Load the page again.";
});

const log = document.querySelector("pre[data-events]");
if (log) follow(log, document.querySelector("[data-live-state]"));

// Shows the lines that come after those of the page. The stream is closed while nobody looks: over HTTP/1.1 a browser has
// six connections to a host for all of its tabs. Each line has the place after it, from which the next stream goes on.
function follow(log, state) {
  let after = log.dataset.after, ended = false, open = null, timer = 0, failures = 0, hiddenSince = 0;
  const show = display(log);
  const say = (words, on = false) => {
    if (!state) return;
    state.textContent = words;
    state.classList.toggle("on", on);
  };

  const connect = async () => {
    clearTimeout(timer);
    if (ended || open || document.hidden) return;
    const mine = open = new AbortController();
    let watch = setTimeout(() => {
      say("waiting for a connection: a browser has six to a host over HTTP/1.1, and others are in use");
    }, SLOW);
    // A comment comes every ten seconds where there is nothing else.
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => mine.abort(), SILENT);
    };
    let pause = 0, words = "connection lost";
    say("connecting…");
    try {
      const url = new URL(log.dataset.events, location.href);
      if (after) url.searchParams.set("after", after);
      const answer = await fetch(url, { headers: { Accept: "text/event-stream" }, signal: mine.signal, cache: "no-store" });
      alive();
      if (answer.ok) {
        failures = 0;
        say("live", true);
        await read(answer.body, alive, take);
      } else {
        pause = 1000 * Number(answer.headers.get("Retry-After"));
        words = answer.status === 429 || answer.status === 503 ? "busy" : "no answer";
        if (answer.status === 401) location.reload();
        else if (answer.status < 500 && !pause && isJson(answer)) refuse(await answer.json());
      }
    } catch (error) {
      if (!(error instanceof TypeError) && error.name !== "AbortError") throw error;
    } finally {
      clearTimeout(watch);
      open = null;
    }
    if (ended || document.hidden) return;
    pause = pause || Math.min(LONGEST_PAUSE, 500 * 2 ** failures++);
    say(`${words}, again in ${Math.ceil(pause / 1000)} s…`);
    timer = setTimeout(connect, pause);
  };

  const isJson = (answer) => (answer.headers.get("Content-Type") || "").includes("json");
  const take = (id, name, data) => {
    if (name === "output" || name === "message") show(data.line, data.whole);
    // With "disconnected" the daemon restarts. The stream is over, and the next one continues after the last line.
    if (name === "problem" && data.code !== "disconnected") tell(data);
    if (name === "exit") end();
    if (id) after = id;
  };
  const tell = (found) => [found.what, found.why, found.fix].filter(Boolean).forEach((words) => show(` !     ${words}`));
  const refuse = (found) => { tell(found); end(); };
  const end = () => {
    ended = true;
    say("ended");
    if ("reload" in log.dataset) setTimeout(() => location.reload(), 400);
  };

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      hiddenSince = Date.now();
      clearTimeout(timer);
      if (open) open.abort();
      if (!ended) say("paused");
    } else if (!ended && hiddenSince && Date.now() - hiddenSince > LONG_HIDDEN) {
      // So much may have come meanwhile that its end is wanted, which the page begins with.
      location.reload();
    } else {
      connect();
    }
  });
  window.addEventListener("pagehide", () => { if (open) open.abort(); });
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  log.scrollTop = log.scrollHeight;
  connect();
}

// Adds lines to the log, which stays at its end if it is there, and forgets the oldest.
function display(log) {
  let characters = log.textContent.length;
  return (line, whole) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const row = document.createElement("span");
    row.textContent = line;
    if (whole) {
      const link = document.createElement("a");
      link.href = whole;
      link.textContent = "whole line";
      row.append(" ", link);
    }
    row.append("\n");
    log.append(row);
    characters += row.textContent.length;
    while (log.childElementCount > MOST_LINES || (characters > MOST_CHARACTERS && log.childElementCount > 1)) {
      characters -= log.firstElementChild.textContent.length;
      log.firstElementChild.remove();
    }
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
}

// Reads server-sent events. One that was cut off is not told, and neither is its place.
async function read(body, alive, take) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let kept = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const blocks = (kept + value).split("\n\n");
    kept = blocks.pop();
    for (const block of blocks) {
      const found = {};
      for (const line of block.split("\n")) {
        const at = line.indexOf(": ");
        if (at > 0) found[line.slice(0, at)] = line.slice(at + 2);
      }
      take(found.id, found.event, found.data ? JSON.parse(found.data) : {});
    }
  }
}
