# One client's requests that fail: others see 200 only.
. "$(dirname "$0")/../lib.sh"
edge_app case01
paas ps:scale case01 web=2 >/dev/null 2>&1
head -c 5000000 /dev/zero >"$here/body"
deadline=$((SECONDS + 6))
(while ((SECONDS < deadline)); do
  http case01 /refuse -o /dev/null -H 'Expect:' --data-binary "@$here/body" 2>/dev/null
done) &
while ((SECONDS < deadline)); do http case01 / -o /dev/null -w '%{http_code}\n'; done >"$here/visitors"
wait
expect "visitors were answered" '^200$' "$(cat "$here/visitors")"
expect_none "no visitor saw an error" '^[^2]' "$(cat "$here/visitors")"
