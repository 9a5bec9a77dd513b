# A domain that moves to another app keeps its certificate, also while the authority does not answer.
# The authority is pebble, which answers until the file STOP_AUTHORITY is there.
. "$(dirname "$0")/../lib.sh"
edge_app case11a
edge_app case11b
issuer() {
  openssl s_client -connect "127.0.0.1:$HTTPS_PORT" -servername shop.example.net </dev/null 2>/dev/null |
    openssl x509 -noout -issuer 2>/dev/null
}
paas domains:add case11a shop.example.net >/dev/null 2>&1
within 60 eval 'issuer | grep -q Pebble'
expect "it has a certificate" Pebble "$(issuer)"
touch "$STOP_AUTHORITY"
paas domains:remove case11a shop.example.net >/dev/null 2>&1
paas domains:add case11b shop.example.net >/dev/null 2>&1
expect "the certificate moved along" Pebble "$(issuer)"
expect "the other app answers" case11b "$(https shop.example.net /)"
