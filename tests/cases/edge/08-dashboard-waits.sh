# A call that takes more than a minute is answered by the command, or with where to look; as JSON.
. "$(dirname "$0")/../lib.sh"
edge_app case08
paas checks:set case08 timeout 200s >/dev/null 2>&1
said=$(https "paas.$DOMAIN" /api/v1/commands/config:set -w '\n%{http_code} %{content_type}\n' \
  -H "Authorization: Bearer $(token deploy)" --json '{"app": "case08", "pairs": ["SLOW=70"]}')
expect "answered" '^20[02] application/.*json' "$said"
expect_none "not by the edge" '<title>' "$said"
