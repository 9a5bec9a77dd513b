# A page of logs has a bounded size, whatever the length of the lines.
. "$(dirname "$0")/../lib.sh"
edge_app case12
sign_in
paas run:detached case12 sh -c 'for i in $(seq 70); do head -c 280000 /dev/zero | tr "\0" x; echo; done' >/dev/null 2>&1
over() { ! paas run:list case12 | grep -q running; }
within 30 over
said=$(https "paas.$DOMAIN" '/apps/case12/logs?source=run' -b "$here/jar" -o "$here/page" -w '%{http_code} %{size_download}')
expect "the page is there" '^200 ' "$said"
expect "it has less than 2 MB" '^200 1?[0-9]{1,6}$' "$said"
expect "it shows the lines" 'xxxxxxxx' "$(cut -c1-4000 "$here/page" | grep -m 1 xxxxxxxx)"
