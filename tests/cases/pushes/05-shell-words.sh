# Lines that begin with a word of the shell, and lines for bash where the image has it.
. "$(dirname "$0")/../lib.sh"
repository
server
: >requirements.txt
printf 'export GREETING=hi\n' >env.sh
for line in 'exec python srv.py' 'exec python srv.py $DYNO' 'source ./env.sh && python srv.py $GREETING' \
  '[[ -n $PORT ]] && python srv.py'; do
  echo "web: $line" >Procfile
  commit
  expect "$line" Released "$(push case-o05)"
done
