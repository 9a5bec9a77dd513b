# Shared by the scripts: output, and questions about the machine. Sourced, not run.
# shellcheck shell=bash disable=SC2034

# The folders of dockerd, nginx and sshd, which a user's PATH lacks.
PATH=$PATH:/usr/sbin:/sbin

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
else
  bold='' dim='' plain=''
fi

heading() { printf '\n%s-----> %s%s\n' "$bold" "$*" "$plain"; }
say() { printf '       %s\n' "$@"; }
warn() { printf ' !     %s\n' "$@" >&2; }

# die WHAT [WHY-OR-FIX...]: one line each.
die() {
  warn "$@"
  exit 1
}

# wait_until SECONDS COMMAND...: repeat the command until it succeeds; fail after so many seconds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# followed FILE PATTERN COMMAND...: write the output to the file. Print what PATTERN matches at the start of a line, live.
# If the command fails, print the end of the file.
followed() {
  local file=$1 pattern=$2
  shift 2
  if ! "$@" 2>&1 | tee "$file" | sed -un "s/^\($pattern\).*/       $dim\1$plain/p"; then
    warn "This command failed: $*" "The end of its output:"
    tail -n 15 "$file" | sed 's/^/       /' >&2
    return 1
  fi
}
pip_steps='\(Collecting\|Building wheel for\) [A-Za-z0-9_.-]*'

has() { command -v "$1" >/dev/null 2>&1; }
has_systemd() { [[ -d /run/systemd/system ]]; }

# Docker's socket, unless DOCKER_HOST names another.
engine_socket=/var/run/docker.sock
engine_answers() { has docker && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# engine_escapes VERSION: builds can escape from that engine; as in paas/core/builds/safety.py.
engine_escapes() {
  local number=${1#*:}
  number=${number%%[!0-9.]*}
  older "$number" 24.0.9 || { older "$number" 25.0.2 && ! older "$number" 25.0.0; }
}
# older VERSION THAN
older() { [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | head -n1) == "$1" ]]; }

engine_version() { timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }

# free_range FILE: 65,536 ids above all ranges in the file.
free_range() {
  touch "$1"
  awk -F: 'BEGIN { next_id = 100000 } $2 + $3 > next_id { next_id = $2 + $3 } END { print next_id "-" next_id + 65535 }' "$1"
}

# listens PORT: a program on this machine accepts connections there.
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# process PIDFILE WORD: print the pid in the file if that process is alive and has WORD in its command line.
process() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [[ -n $pid ]] && grep -qaF -- "$2" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

# stop_process PID SECONDS: send SIGTERM, and SIGKILL after so many seconds.
stop_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  if ! wait_until "$2" not_alive "$1"; then
    kill -KILL "$1" 2>/dev/null || true
  fi
}
# A zombie has an empty command line.
not_alive() { ! grep -q . "/proc/$1/cmdline" 2>/dev/null; }

# /dev/shm has a gigabyte and allows programs. In containers it often has 64 MB and noexec.
roomy_memory() {
  [[ -w /dev/shm ]] && ! grep -q '^[^ ]* /dev/shm [^ ]* [^ ]*\bnoexec\b' /proc/mounts &&
    (($(df --output=avail -k /dev/shm | tail -n1) > 1 << 20))
}

# Keep temporary files in memory, and bytecode on disk for the next process: this makes the fast tests fast.
fast_tests() {
  [[ -n ${TMPDIR:-} ]] || ! roomy_memory || export TMPDIR=/dev/shm
  unset PYTHONDONTWRITEBYTECODE
  # Without the columns of each instruction, which only refine tracebacks: a seventh faster.
  export PYTHONNODEBUGRANGES=1
}
