# An app that reads CONTENT_LENGTH bytes, as WSGI, Rack and PHP do, gets a body that was sent without a length.
. "$(dirname "$0")/../lib.sh"
edge_app case02
certified "case02.$DOMAIN"
body() { printf 'name=' && sleep 0.2 && printf 'ada'; }
expect "with a length" 'read 8 bytes' "$(printf 'name=ada' | http case02 /length --data-binary @-)"
expect "chunked, HTTP/1.1" 'read 8 bytes' "$(body | http case02 /length -T - -X POST -H 'Expect:')"
expect "without a length, HTTP/2" 'read 8 bytes' "$(body | https "case02.$DOMAIN" /length --http2 -T - -X POST)"
