# A header that is too large is said to be that, and nginx's usual remedy can be set.
. "$(dirname "$0")/../lib.sh"
edge_app case07
router() { paas logs case07 -n 50 --source router; }
http case07 '/big?n=17' -o /dev/null
within 10 eval 'router | grep -q /big'
expect "the log says that the header is too large" 'desc="[^"]*[Hh]eader' "$(router)"
paas nginx:set case07 proxy-buffer-size 128k >/dev/null 2>&1
paas nginx:set case07 proxy-buffers '4 256k' >/dev/null 2>&1
paas nginx:set case07 proxy-busy-buffers-size 256k >/dev/null 2>&1
expect "with larger buffers it passes" '^200$' "$(http case07 '/big?n=17' -o /dev/null -w '%{http_code}\n')"
http case07 /large-request -o "$here/page" -H "Cookie: c=$(head -c 40000 /dev/zero | tr '\0' c)"
expect "the page for a large request is the platform's" 'too large|Too Large' "$(cat "$here/page")"
expect_none "… and not nginx's own" '<center>nginx' "$(cat "$here/page")"
within 10 eval 'router | grep -qE "status=(400|431|494)"'
expect "a request with large headers is in the app's log" 'status=(400|431|494)' "$(router)"
