# Shared by the cases: what they type, and how they say what they expect. Sourced, not run.
# shellcheck shell=bash
#
# tests/cases/run.py sets: PAAS (the program), PAAS_ROOT, SSH_PORT, HTTP_PORT, HTTPS_PORT, DOMAIN, KEY (an
# administrator's private key) and GIT_SSH_COMMAND.
set -uo pipefail
cases=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
here=$(mktemp -d -t paas-case.XXXXXX)
apps=()
failed=0
trap finish EXIT

finish() {
  local app
  for app in "${apps[@]}"; do "$PAAS" apps:destroy "$app" --force >/dev/null 2>&1; done
  rm -rf "$here"
  exit "$failed"
}

# expect WHAT PATTERN TEXT: the text matches the extended regular expression.
expect() {
  if grep -qE -- "$2" <<<"$3"; then
    printf 'ok: %s\n' "$1"
  else
    printf 'not as expected: %s: /%s/ is not in: %s\n' "$1" "$2" "$(tail -n 3 <<<"$3" | tr '\n' ' ' | cut -c1-300)"
    failed=1
  fi
}

# expect_none WHAT PATTERN TEXT: the text does not match.
expect_none() {
  if grep -qE -- "$2" <<<"$3"; then
    printf 'not as expected: %s: found %s\n' "$1" "$(grep -m 1 -E -- "$2" <<<"$3" | cut -c1-300)"
    failed=1
  else
    printf 'ok: %s\n' "$1"
  fi
}

# within SECONDS COMMAND...: waits until the command succeeds; fails when it has not by then.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

paas() { "$PAAS" "$@"; }
over_ssh() {
  ssh -q -F /dev/null -i "$KEY" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -p "$SSH_PORT" paas@127.0.0.1 "$@"
}

# http APP PATH [CURL...], https HOST PATH [CURL...]
http() {
  local app=$1 path=$2
  shift 2
  curl -sS -H "Host: $app.$DOMAIN" "$@" "http://127.0.0.1:$HTTP_PORT$path"
}
https() {
  local host=$1 path=$2
  shift 2
  curl -sS -k --resolve "$host:$HTTPS_PORT:127.0.0.1" "$@" "https://$host:$HTTPS_PORT$path"
}

# repository: a new one in a folder of its own, which becomes the current folder.
repository() {
  cd "$(mktemp -d "$here/repository.XXXXXX")" || exit 1
  git init -q -b main
  git config user.name Ada
  git config user.email ada@example.org
}
commit() {
  git add -A -f .
  git commit -q --allow-empty -m change
}
# push APP [REFSPEC]: what git says; the app is removed at the end.
push() {
  [[ " ${apps[*]} " == *" $1 "* ]] || apps+=("$1")
  git push "ssh://paas@127.0.0.1:$SSH_PORT/$1" "${2:-main}" --force 2>&1
}

dockerfile() {
  printf '%s\n' 'FROM paas/stack:bookworm' \
    'RUN apt-get update -qq && apt-get install -qqy --no-install-recommends python3 >/dev/null' \
    'WORKDIR /app' 'COPY . .' 'ENV PYTHONUNBUFFERED=1' "$@" >Dockerfile
}
# server: a web server that tells its arguments, in srv.py.
server() { cp "$cases/srv.py" srv.py; }

# edge_app NAME: pushes the app whose answers are chosen by the path.
edge_app() {
  local said
  repository
  cp "$cases/app.py" .
  dockerfile 'CMD ["python3", "app.py"]'
  commit
  said=$(push "$1")
  grep -q Released <<<"$said" || {
    expect "$1 is pushed" Released "$said"
    exit
  }
  paas nginx:set "$1" https-redirect false >/dev/null 2>&1
}
# certified HOST: waits until the host has a certificate.
certified() { within 60 https "$1" / -o /dev/null; }
# token ROLE: one for the API, which is removed with the instance.
token() { paas tokens:add "case-$RANDOM$RANDOM" --role "$1" 2>/dev/null; }
# sign_in: a session of the dashboard with the role view, in the cookie jar $here/jar.
sign_in() {
  https "paas.$DOMAIN" /sign-in -c "$here/jar" -o /dev/null
  https "paas.$DOMAIN" /sign-in -b "$here/jar" -c "$here/jar" -o /dev/null --data-urlencode "token=$(token view)"
}
