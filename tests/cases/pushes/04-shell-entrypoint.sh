# An ENTRYPOINT in shell form swallows what the Procfile says: the deploy is refused, with what to write.
. "$(dirname "$0")/../lib.sh"
repository
server
dockerfile 'ENTRYPOINT python3 srv.py --from-the-image'
printf 'web: python3 srv.py --web\nworker: python3 srv.py --worker\n' >Procfile
commit
said=$(push case-o04)
expect "refused" rejected "$said"
expect "it says why" ENTRYPOINT "$said"
