# Commands without an end are over when their reader is: ssh … | head.
. "$(dirname "$0")/../lib.sh"
edge_app case05
timed_ssh() { timeout 20 ssh -q -F /dev/null -i "$KEY" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no \
  -o UserKnownHostsFile=/dev/null -p "$SSH_PORT" paas@127.0.0.1 "$@"; }
timed_ssh run case05 yes 2>/dev/null | head -n 1 >/dev/null
expect "run … | head" '^(0|141|255)$' "$(printf '%s\n' "${PIPESTATUS[0]}")"
no_run() { ! paas run:list case05 | grep -q running; }
within 20 no_run
expect "the run is over" '^0$' "$?"
(for _ in $(seq 30); do
  http case05 / -o /dev/null
  sleep 0.5
done) &
timed_ssh logs case05 -t 2>/dev/null | grep -m 1 router >/dev/null
expect "logs -t | grep -m 1" '^(0|141|255)$' "$(printf '%s\n' "${PIPESTATUS[0]}")"
