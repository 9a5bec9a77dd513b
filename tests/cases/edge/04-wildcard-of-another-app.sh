# A host of an app without a certificate is never answered by the app that has a wildcard certificate for it.
. "$(dirname "$0")/../lib.sh"
edge_app case04a
edge_app case04b
paas letsencrypt:disable case04b >/dev/null 2>&1
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$here/key" -out "$here/crt" -days 20 -subj /CN=wild.test \
  -addext 'subjectAltName=DNS:*.wild.test' 2>/dev/null
paas domains:add case04a '*.wild.test' >/dev/null 2>&1
cat "$here/crt" "$here/key" | paas certs:add case04a --force >/dev/null 2>&1
paas domains:add case04b api.wild.test >/dev/null 2>&1
expect "another name of the wildcard is the first app's" case04a "$(https other.wild.test / 2>&1)"
expect "over HTTP" case04b "$(curl -sS -H 'Host: api.wild.test' "http://127.0.0.1:$HTTP_PORT/")"
expect_none "over HTTPS" case04a "$(https api.wild.test / 2>&1)"
