# An answer 103 before the real one: the page loads, or the log has an error code for it.
. "$(dirname "$0")/../lib.sh"
edge_app case06
certified "case06.$DOMAIN"
answer=$(https "case06.$DOMAIN" /hints --http2 -o /dev/null -w '%{http_code}' 2>/dev/null)
routed() { paas logs case06 -n 20 --source router | grep -q '"/hints"'; }
within 10 routed
line=$(paas logs case06 -n 20 --source router | grep '"/hints"')
expect "200, or an error code" '^200$|code=[EH]' "$answer
$line"
