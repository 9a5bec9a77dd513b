# A byte order mark in a file of the commit changes nothing.
. "$(dirname "$0")/../lib.sh"
mark=$'\xef\xbb\xbf'
repository
server
: >requirements.txt
echo 'web: python srv.py' >Procfile
printf '%s3.11\r\n' "$mark" >.python-version
commit
expect ".python-version" '-> Python 3\.11' "$(push case-o06a)"
rm .python-version
printf '%spython-3.11.4\r\n' "$mark" >runtime.txt
git rm -q --cached .python-version
commit
expect "runtime.txt" '-> Python 3\.11' "$(push case-o06a)"
for file in Procfile app.json Aptfile .buildpacks pyproject.toml; do
  rm -f runtime.txt app.json Aptfile .buildpacks pyproject.toml
  printf 'web: python srv.py\n' >Procfile
  case $file in
    Procfile) text='web: python srv.py' ;;
    app.json) text='{"name": "x"}' ;;
    Aptfile) text=busybox ;;
    .buildpacks) text=heroku/python ;;
    pyproject.toml) text=$'[tool.black]\r\nline-length = 99' ;;
  esac
  printf '%s%s\r\n' "$mark" "$text" >"$file"
  commit
  expect "$file" Released "$(push case-o06b)"
done
repository
echo 'require("http").createServer((q,r)=>r.end("ok")).listen(process.env.PORT)' >server.js
printf '%s{"name": "x", "version": "1.0.0", "scripts": {"start": "node server.js"}}' "$mark" >package.json
printf '%s18\r\n' "$mark" >.nvmrc
commit
expect "package.json and .nvmrc" Released "$(push case-o06c)"
