# Sixteen calls that wait, with a token of the role view: the sign-in page goes on.
. "$(dirname "$0")/../lib.sh"
edge_app case09
view=$(token view)
for _ in $(seq 16); do
  https "paas.$DOMAIN" '/api/v1/commands/logs?app=case09&tail=true' -m 20 -H "Authorization: Bearer $view" \
    -o /dev/null 2>/dev/null &
done
for _ in $(seq 10); do
  https "paas.$DOMAIN" /sign-in -m 8 -o /dev/null -w '%{http_code}\n'
  sleep 0.5
done >"$here/pages" 2>/dev/null
wait
expect_none "the sign-in page, ten times in 5 seconds" '^[^2]' "$(cat "$here/pages")"
expect "… and it was there" '^200' "$(cat "$here/pages")"
