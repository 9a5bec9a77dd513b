# A push to a name that is taken says so.
. "$(dirname "$0")/../lib.sh"
repository
server
dockerfile 'CMD ["python3", "srv.py"]'
commit
said=$(push paas)
expect_none "it does not say that a push makes the app" 'a push makes' "$said"
expect "it says why" "paas\.$DOMAIN|taken|dashboard" "$said"
