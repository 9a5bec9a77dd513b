# The live log of the dashboard goes on where the page, or the stream before, ended.
. "$(dirname "$0")/../lib.sh"
edge_app case10
sign_in
seen() { grep -o '/n[0-9]*' "$1" | tr -d /n; }
events() { https "paas.$DOMAIN" "/apps/case10/logs/events?source=router$1" -b "$here/jar" -N -m 4 "${@:2}" 2>/dev/null; }
(for number in $(seq 100); do
  http case10 "/n$number" -o /dev/null
  sleep 0.1
done) &
events '' >"$here/first"
last=$(sed -n 's/^id: *//p' "$here/first" | tail -n 1)
expect "events have an id" . "$last"
later() { paas logs case10 -n 50 --source router | grep -q "/n$(($(seen "$here/first" | tail -n 1) + 20))\""; }
within 20 later
events '' -H "Last-Event-ID: $last" >"$here/second"
wait
expect "nothing is missing between two streams" "^$(($(seen "$here/first" | tail -n 1) + 1))\$" \
  "$(seen "$here/second" | head -n 1)"
