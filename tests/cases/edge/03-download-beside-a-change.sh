# A download of one app, longer than a minute, goes on while another app is restarted.
. "$(dirname "$0")/../lib.sh"
edge_app case03
edge_app case03other
http case03 /drip -o "$here/download" -w '%{http_code} %{size_download} %{errormsg}' >"$here/end" 2>/dev/null &
within 10 test -s "$here/download"
paas ps:restart case03other >/dev/null 2>&1
wait
expect "the download is whole" '^200 75000000' "$(cat "$here/end")"
