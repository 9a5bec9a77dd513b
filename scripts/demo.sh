#!/usr/bin/env bash
# `demo.sh start`: run the platform on this machine's loopback and push a sample app to it, each step with its command.
# `demo.sh stop`: remove all of it. Its files are in DEMO_ROOT, and a second run continues from there.
#
# DEMO_ROOT (./.demo), DEMO_SSH_PORT (2222), DEMO_HTTP_PORT (8080) and DEMO_HTTPS_PORT (8443) change its places.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

root=$(realpath -m "${DEMO_ROOT:-.demo}")
ssh_port=${DEMO_SSH_PORT:-2222} http_port=${DEMO_HTTP_PORT:-8080} https_port=${DEMO_HTTPS_PORT:-8443}
export PAAS_ROOT=$root/server PATH=$PWD/.venv/bin:$PATH

key=$root/key app=$root/hello log=$root/server.log pidfile=$root/server.pid stack_note=$root/stack-image
stack=$(sed -n 's/^FROM //p' examples/hello/Dockerfile)

# show COMMAND…: print the command line, then run it.
show() {
  printf '%s$ %s%s\n' "$dim" "$*" "$plain"
  "$@"
}

start() {
  scripts/engine start "$root"
  mkdir -p "$root"
  serve
  allow_builds
  make_stack
  add_key
  make_app
  push
  look
  try_next
}

server_answers() { paas version >/dev/null 2>&1; }

serve() {
  heading "Starting the server"
  if server_answers; then
    say "It is already running: $(grep -m1 '^ready ' "$log")"
    return
  fi
  check_ports

  printf '%s$ paas serve --root %s --ssh-port %s --http-port %s%s\n' "$dim" "$PAAS_ROOT" "$ssh_port" "$http_port" "$plain"
  setsid paas serve --root "$PAAS_ROOT" --listen 127.0.0.1 --ssh-port "$ssh_port" --http-port "$http_port" \
    --https-port "$https_port" --domain localhost >"$log" 2>&1 </dev/null &
  echo $! >"$pidfile"

  if ! wait_until 30 ready_or_ended || ! is_ready; then
    warn "The server did not start. The end of $log:"
    tail -n 15 "$log" >&2
    exit 1
  fi
  grep -m1 '^ready ' "$log"
}

is_ready() { grep -q '^ready ' "$log"; }
ready_or_ended() { is_ready || [[ -z $(process "$pidfile" "$PAAS_ROOT") ]]; }

check_ports() {
  local port
  # The demo's own nginx keeps serving while the server is down.
  for port in "$ssh_port" $([[ -n $(process "$PAAS_ROOT/nginx/run/nginx.pid" nginx) ]] || echo "$http_port" "$https_port"); do
    ! listens "$port" ||
      die "The demo needs port $port of 127.0.0.1, which is in use" \
        "Choose other ports: make demo DEMO_SSH_PORT=2223 DEMO_HTTP_PORT=8081 DEMO_HTTPS_PORT=8444"
  done
}

# The demo builds only the user's own code, so it may use an engine that others must not build on.
allow_builds() {
  local found
  # With a problem such as this one, its exit status is 1.
  found=$(paas doctor --format json 2>/dev/null) || true
  if [[ $found == *'"engine-builds-escape"'* ]]; then
    heading "Builds can escape from this old Docker Engine. Here only you build"
    show paas settings:set allow-unsafe-builds true
  fi
}

make_stack() {
  heading "The base image for apps"
  [[ -n $(docker images --quiet "$stack") ]] || echo "$stack" >"$stack_note"
  show paas stack:build --suite "${stack#*:}"
}

add_key() {
  heading "An SSH key"
  if [[ ! -e $key ]]; then
    ssh-keygen -q -t ed25519 -N '' -C demo -f "$key"
  fi
  if paas ssh-keys:list --format json | grep -q '"demo"'; then
    say "It exists already."
    return
  fi
  printf '%s$ paas ssh-keys:add demo < %s%s\n' "$dim" "$key.pub" "$plain"
  paas ssh-keys:add demo <"$key.pub"
}

# In a shell of its own, as it changes the folder.
make_app() (
  heading "A sample app, in a git repository of its own"
  if [[ -d $app/.git ]]; then
    say "$app exists already; your changes in it stay."
    exit 0
  fi
  rm -rf "$app"
  cp -r examples/hello "$app"

  git -C "$app" init -q -b main
  git -C "$app" config user.name Demo
  git -C "$app" config user.email demo@localhost
  # So that a plain `git push` in that folder works with this key, without questions.
  git -C "$app" config core.sshCommand \
    "ssh -F /dev/null -i '$key' -o IdentitiesOnly=yes -o UserKnownHostsFile='$root/known_hosts' -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR"
  git -C "$app" add .
  git -C "$app" commit -q -m "A page that says hello"
  cd "$app"
  # The server may be from an earlier demo, with other ports.
  show git remote add paas "ssh://paas@$(sed -n 's/^ready ssh=\([^ ]*\).*/\1/p' "$log")/hello"
)

push() (
  heading "Pushing it"
  cd "$app"
  show git push paas main
)

look() {
  local url
  url=$(paas url hello)

  heading "Live at $url"
  show curl -sS "$url"

  heading "Two web processes"
  show paas ps:scale hello web=2
  # Over one connection, so that one nginx worker alternates between the two.
  show curl -sS "$url" "$url" "$url" "$url"

  heading "Their logs"
  show paas logs hello -n 20
}

try_next() {
  heading "The server keeps running. Try:"
  cat <<END
  export PAAS_ROOT=$PAAS_ROOT PATH=$PWD/.venv/bin:\$PATH
  cd $app
  sed -i s/Hello/Howdy/ web.py && git commit -qam Howdy && git push paas main

  paas config:set hello GREETING=Bonjour
  paas releases hello
  paas releases:rollback hello
  paas logs hello -t
  paas help

  The dashboard:         http://paas.localhost:$http_port
  A token to sign in:    paas tokens:add me --role admin

  make demo-stop         removes everything
END
}

stop() {
  local pid
  if [[ ! -d $root ]]; then
    say "There is no demo in $root."
    return
  fi

  if [[ -d $PAAS_ROOT ]]; then
    heading "Removing the demo"
    scripts/engine start "$root"
    if [[ -e $PAAS_ROOT/paas.db ]]; then show paas teardown --force; fi
    if pid=$(process "$pidfile" "$PAAS_ROOT"); then stop_process "$pid" 10; fi
  fi

  if [[ -e $stack_note ]] && docker rmi "$(cat "$stack_note")" >/dev/null 2>&1; then
    say "removed the image $(cat "$stack_note")"
  fi
  scripts/engine stop "$root"
  rm -rf "$root"
  say "removed $root"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) die "demo.sh start|stop" ;;
esac
