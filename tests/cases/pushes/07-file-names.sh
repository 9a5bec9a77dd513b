# Files with odd names are deployed like others.
. "$(dirname "$0")/../lib.sh"
repository
server
: >requirements.txt
echo 'web: python srv.py' >Procfile
commit
for name in "What's new.txt" 'price$USD.txt' 'back\slash.txt' 'say "hi".txt' $'latin\xe9.txt' $'to\u00a0do.txt' \
  $'two\nlines.txt' $'tab\there.py' 'download[1].txt'; do
  printf x >"$name"
  commit
  expect "$(printf '%q' "$name")" Released "$(push case-o07)"
  git rm -q --cached -- ":(literal)$name"
  rm -f -- "$name"
done
