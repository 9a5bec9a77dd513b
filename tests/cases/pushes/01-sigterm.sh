# A worker gets SIGTERM and the time to finish its job, whatever in its line needs a shell.
. "$(dirname "$0")/../lib.sh"
repository
cat >job.py <<'P'
import os, signal, time

go = True


def end(*_):
    global go
    go = False
    print("told to end", os.environ["PAAS_RELEASE"], flush=True)


signal.signal(signal.SIGTERM, end)
print("started", os.environ["PAAS_RELEASE"], flush=True)
while go:
    time.sleep(0.1)
time.sleep(2)
print("job finished", os.environ["PAAS_RELEASE"], flush=True)
P
: >requirements.txt
echo '{"formation": {"worker": {"quantity": 1}}}' >app.json
for line in 'python job.py one' 'python job.py $DYNO' 'WORKERS=1 python job.py one' \
  'cd /app && python job.py one' 'python job.py 2>&1 | cat'; do
  echo "worker: $line" >Procfile
  commit
  said=$(push case-o01)
  release=$(grep -o 'Released v[0-9]*' <<<"$said" | cut -d' ' -f2)
  within 10 eval 'paas logs case-o01 -q -n 50 --source app | grep -q "started $release\$"'
  paas ps:stop case-o01 >/dev/null 2>&1
  within 20 eval 'paas logs case-o01 -q -n 50 --source app | grep -q "job finished $release\$"'
  expect "$line" "job finished $release\$" "$(paas logs case-o01 -q -n 50 --source app)"
  paas ps:start case-o01 >/dev/null 2>&1
done
