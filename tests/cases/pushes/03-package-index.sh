# An app's own index of Python packages is the one that is asked.
. "$(dirname "$0")/../lib.sh"
repository
gateway=$(ip -4 -o address show docker0 | sed -E 's/.* inet ([0-9.]+).*/\1/')
index=$here/index
mkdir -p "$index/simple/acme-inhouse-tools"
python3 - "$index/simple/acme-inhouse-tools/acme_inhouse_tools-1.0-py3-none-any.whl" <<'P'
import sys, zipfile

info = "acme_inhouse_tools-1.0.dist-info"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("acme.py", "")
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: acme-inhouse-tools\nVersion: 1.0\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", f"acme.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
P
python3 -m http.server 15997 --bind "$gateway" --directory "$index" >"$here/requests" 2>&1 &
web=$!
trap 'kill $web; finish' EXIT
server
echo 'acme-inhouse-tools==1.0' >requirements.txt
echo 'web: python srv.py' >Procfile
commit
apps+=(case-o03)
paas apps:create case-o03 >/dev/null
for variable in PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_DEFAULT_INDEX; do
  paas config:unset case-o03 --no-restart PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_DEFAULT_INDEX >/dev/null 2>&1
  paas config:set case-o03 --no-restart "$variable=http://$gateway:15997/simple/" >/dev/null 2>&1
  commit
  expect "$variable" Released "$(push case-o03)"
  expect "the index was asked" simple/acme-inhouse-tools "$(cat "$here/requests")"
  : >"$here/requests"
done
