#!/usr/bin/env bash
# Installs the platform on this server, or upgrades it: Debian 12 or 13, or an Ubuntu LTS of that age. Run it as root
# from a clone; run it again after `git pull`. `bootstrap.sh --help` lists the options.
#
# It creates: the user `paas` with its data in /var/lib/paas, the program in /opt/paas with a link in /usr/local/bin, and
# the services paas and paas-nginx. It does not change an existing Docker Engine, nginx or sshd.
set -Eeuo pipefail
cd "$(dirname "$0")"
. scripts/lib.sh
trap 'warn "bootstrap.sh stopped at line $LINENO: $BASH_COMMAND"' ERR

user=paas data=/var/lib/paas program=/opt/paas link=/usr/local/bin/paas
units=(paas.service paas-nginx.service paas-builds.socket) builder=paas-builder.service
parts=(paas buildpacks hooks nginx setup.cfg pyproject.toml README.md LICENSE)
# The system's Python, not one of the administrator's own, which may be moved or removed.
export PYTHON=/usr/bin/python3

declare -A settings=()
declare -A defaults=([listen]=0.0.0.0 [ssh-port]=2222 [http-port]=80 [https-port]=443)
start=yes action=install purge=no fresh=no chosen=no

usage() {
  cat <<END
bootstrap.sh [OPTION…]: install or upgrade the platform on this server.

  --domain NAME       apps are served at APP.NAME (this host's name)
  --listen ADDRESS    address for SSH and HTTP (0.0.0.0)
  --ssh-port PORT     port for git push and commands (2222)
  --http-port PORT    port for the apps (80)
  --https-port PORT   port for the apps (443)
  --build-isolation KIND  where builds run: rootless for an isolated builder, none for the host's engine (rootless at a
                      first installation on an engine that builds can escape from, else none)
  --no-start          install only
  --uninstall         remove the program and its services; apps and data stay
  --purge             with --uninstall: remove the apps, the data and the user, too

At an upgrade, settings without an option stay unchanged. 'paas settings:set' changes the same settings later.
END
}

main() {
  parse "$@"
  ((EUID == 0)) || die "bootstrap.sh changes the system and needs root" "Run: sudo ./bootstrap.sh"

  if [[ $action == uninstall ]]; then
    uninstall
    return
  fi

  check_settings
  check_system
  check_ports
  scripts/install-deps certificates engine builder nginx git mmdebstrap uidmap venv
  check_python
  start_engine
  make_user
  [[ -e $data/paas.db ]] || fresh=yes
  look_at_engine
  if [[ $(setting build-isolation) == rootless ]]; then make_builder_user; fi
  install_program
  configure
  install_units
  if [[ $start == yes ]] && has_systemd; then start_services; fi
  make_stack
  check_sshd
  summary
}

parse() {
  while (($#)); do
    case $1 in
      --domain | --listen | --ssh-port | --http-port | --https-port | --build-isolation)
        [[ -n ${2:-} ]] || die "$1 needs a value"
        settings[${1#--}]=$2
        shift
        ;;
      --domain=* | --listen=* | --ssh-port=* | --http-port=* | --https-port=* | --build-isolation=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        continue
        ;;
      --no-start) start=no ;;
      --uninstall) action=uninstall ;;
      --purge) purge=yes ;;
      -h | --help)
        usage
        exit 0
        ;;
      *)
        usage >&2
        exit 2
        ;;
    esac
    shift
  done
  [[ $purge == no || $action == uninstall ]] || die "--purge needs --uninstall"
}

# Before anything is changed

check_settings() {
  local key value
  for key in "${!settings[@]}"; do
    value=${settings[$key]}
    case $key in
      *-port) [[ $value =~ ^[1-9][0-9]{0,4}$ ]] || die "--$key: $value is not a port" ;;
      build-isolation) [[ $value =~ ^(none|rootless)$ ]] || die "--$key: $value is neither none nor rootless" ;;
      domain) [[ $value =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || die "--$key: $value is not a lower-case host name" ;;
    esac
  done
}

check_system() {
  has apt-get || die "apt-get is missing" "The platform runs on Debian 12 and 13, and Ubuntu 24.04."
  if [[ -x $PYTHON ]]; then check_python; fi

  local home
  home=$(getent passwd "$user" | cut -d: -f6) || true
  [[ -z $home || $home == "$data" ]] ||
    die "The user $user already exists, with the home $home" "The platform needs a user of that name, with the home $data."
  [[ ! -e $link || $(readlink "$link") == "$program/bin/paas" ]] ||
    die "$link already exists, and is not from this installer" "Move it away, and run this again."
}

check_python() {
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    die "Python 3.11 or newer is required, but $PYTHON is $("$PYTHON" --version)" "Debian 12 and Ubuntu 24.04 have it."
}

# setting KEY: the value of the option, else the server's current value, else the default.
setting() {
  local kept
  kept=$(sed -n "s/^$1: *['\"]\{0,1\}\([^'\"]*\).*/\1/p" "$data/paas.yml" 2>/dev/null) || true
  echo "${settings[$1]:-${kept:-${defaults[$1]:-}}}"
}

check_ports() {
  local key port busy=()
  for key in http-port https-port ssh-port; do
    port=$(setting "$key")
    if listening "$port" && ! ours "$port"; then busy+=("$port (--$key)"); fi
  done
  ((${#busy[@]} == 0)) ||
    die "Another program uses these ports: ${busy[*]}" "Nothing was changed. 'ss -ltnp' shows the programs." \
      "Stop that program, or choose other ports: ./bootstrap.sh --http-port 8080 --https-port 8443"
}

# listening PORT: a socket listens on any address. In the kernel's list 0A means LISTEN.
listening() {
  local hex
  hex=$(printf '%04X' "$1")
  awk -v port=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

# ours PORT: this platform runs and uses that port.
ours() {
  local unit
  for unit in "${units[@]}"; do
    if has_systemd && systemctl is-active --quiet "$unit" && grep -qw "$1" "$data/paas.yml"; then return 0; fi
  done
  [[ -n $(process "$data/serve.lock" serve) || -n $(process "$data/nginx/run/nginx.pid" "$data") ]]
}

# Changes

start_engine() {
  if engine_answers; then return; fi
  if has_systemd; then systemctl enable --quiet --now docker; fi
}

make_user() {
  heading "The user $user"
  getent passwd "$user" >/dev/null || useradd --system --user-group --home-dir "$data" --no-create-home --shell /bin/sh "$user"
  # No password, but not locked either: sshd refuses locked accounts.
  usermod --password '*' "$user"
  install -d -o "$user" -g "$user" -m 711 "$data"

  # The group that may use Docker's socket.
  local group
  group=$(stat -c %G "$engine_socket" 2>/dev/null) || group=docker
  if [[ $group != root ]] && getent group "$group" >/dev/null; then usermod --append --groups "$group" "$user"; fi

  # A range of ids of its own: the server builds stack images with it, without being root.
  grep -q "^$user:" /etc/subuid 2>/dev/null || usermod --add-subuids "$(free_range /etc/subuid)" "$user"
  grep -q "^$user:" /etc/subgid 2>/dev/null || usermod --add-subgids "$(free_range /etc/subgid)" "$user"
  say "$(id "$user")"
}

# With an engine that builds can escape from, everybody who may push is root on this server. An existing engine is not
# changed.
look_at_engine() {
  local version
  version=$(engine_version) || return 0
  engine_escapes "$version" || return 0
  heading "Builds can escape from Docker Engine $version: everybody who may push could be root on this server"
  say "Its BuildKit has CVE-2024-23651, -23652 and -23653; 24.0.9 and 25.0.2 have the fixes. Debian 12 has no such engine;" \
    "Debian 13 has one, and so does Docker: https://docs.docker.com/engine/install/debian/."
  if [[ $(setting build-isolation) == rootless ]]; then
    say "Builds are isolated from the host (build-isolation rootless)."
  elif [[ $fresh == yes && -z $(setting build-isolation) ]] && has_systemd; then
    say "Therefore builds are isolated here: build-isolation rootless. 'paas settings:set build-isolation none' turns it off."
    settings[build-isolation]=rootless chosen=yes
  else
    warn "Until then the role deploy cannot build. 'bootstrap.sh --build-isolation rootless' isolates builds from the host."
  fi
}

make_builder_user() {
  heading "The user paas-builder, for builds"
  scripts/builder-user
  usermod --append --groups paas-builder "$user"
  say "$(id paas-builder)"
}

# Download the exact packages of requirements.lock and build the wheel first, so that the server is down for seconds only.
install_program() {
  local work
  heading "The program, in $program"
  work=$(mktemp -d -t paas-install.XXXXXX)
  mkdir "$work/source"
  cp -r "${parts[@]}" "$work/source"

  "$program/bin/python" -c 'import pip' 2>/dev/null || "$PYTHON" -m venv --clear "$program"
  export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
  followed "$work/log" "$pip_steps" "$program/bin/python" -m pip download --only-binary :all: --require-hashes \
    --requirement requirements.lock --dest "$work/wheels"
  # They include the build system.
  followed "$work/log" nothing "$program/bin/python" -m pip wheel --no-deps --no-index --find-links "$work/wheels" \
    --wheel-dir "$work/wheels" "$work/source"

  if [[ $start == yes ]] && has_systemd; then systemctl stop paas.service 2>/dev/null || true; fi
  local install=("$program/bin/python" -m pip install --no-index --find-links "$work/wheels")
  followed "$work/log" nothing "${install[@]}" --require-hashes --requirement requirements.lock
  # The code may have changed without a new version.
  followed "$work/log" nothing "${install[@]}" --no-deps --force-reinstall paas
  ln -sfn "$program/bin/paas" "$link"
  rm -rf "$work"
  say "$("$program/bin/python" -c 'import paas; print("paas", paas.__version__)') with $("$program/bin/python" --version)"
}

configure() {
  local key value
  heading "Its settings, in $data/paas.yml"
  defaults[domain]=$(hostname -f 2>/dev/null || hostname)
  defaults[domain]=${defaults[domain],,}

  for key in domain listen ssh-port http-port https-port build-isolation; do
    value=$(setting "$key")
    [[ -n $value ]] || continue
    write_setting "$key" "$value"
    say "$key: $value"
  done
  # For the first start of nginx. A running server keeps it up to date.
  server_answers || as_user "$program/bin/paas" serve --root "$data" --external-nginx --prepare-only
}

write_setting() {
  as_user "$program/bin/python" -c 'import pathlib, sys
from paas.core.errors import PaasError
from paas.system.settings_file import SettingsFile
try:
    SettingsFile(pathlib.Path(sys.argv[1]), {}).set(*sys.argv[2:])
except PaasError as error:
    sys.exit("\n".join(f" !     {line}" for line in error.lines()))' "$data/paas.yml" "$1" "$2"
}

# With the right to bind ports below 1024, as in the services.
as_user() {
  (cd / && HOME=$data setpriv --reuid "$user" --regid "$user" --init-groups \
    --inh-caps +net_bind_service --ambient-caps +net_bind_service "$@")
}

install_units() {
  [[ -d /etc/systemd/system ]] || return 0
  install -m 644 packaging/*.service packaging/build-limits/* /etc/systemd/system/
}

start_services() {
  heading "The services"
  systemctl daemon-reload
  systemctl enable --quiet "${units[@]}"
  start_builder
  systemctl start paas-builds.socket paas-nginx.service
  systemctl start paas.service

  if ! wait_until 30 server_answers; then
    warn "The server did not start. The end of its log:"
    journalctl --no-pager --unit paas.service --lines 15 >&2 || true
    exit 1
  fi
  say "$(paas version) is running"
  if [[ $fresh == yes ]]; then listen_on_ipv6; fi
}

# If bootstrap.sh chose isolation itself and the builder does not start, turn isolation off, so that an admin can push.
start_builder() {
  if [[ $(setting build-isolation) != rootless ]]; then
    systemctl disable --quiet --now "$builder" 2>/dev/null || true
    return
  fi
  systemctl enable --quiet "$builder"
  systemctl restart "$builder"
  if wait_until 30 builder_answers; then
    say "Builds are isolated from the host"
    return
  fi
  warn "The isolated builder does not start here. The end of its log:"
  journalctl --no-pager --unit "$builder" --lines 5 >&2 || true
  if [[ $chosen == yes ]]; then
    systemctl disable --quiet --now "$builder"
    write_setting build-isolation none
    warn "Therefore builds run in Docker Engine, and only for admins (build-isolation none). See docs/security.md."
  fi
}

builder_answers() { timeout 20 docker --host unix:///run/paas-builder/docker.sock version >/dev/null 2>&1; }

# Only at the first installation: an administrator may have turned it off later.
listen_on_ipv6() {
  [[ $(setting listen) == 0.0.0.0 ]] && has_public_ipv6 || return 0
  if "$link" --root "$data" nginx:set --global bind-address-ipv6 ::; then
    say "The apps are also served over IPv6"
  else
    warn "nginx does not listen on IPv6. To try again, run 'paas nginx:set --global bind-address-ipv6 ::'."
  fi
}

# A public address (2000::/3) on an interface of this host. The scope 00 is the global one.
has_public_ipv6() { grep -qsE '^[23][0-9a-f]{31} [0-9a-f]+ [0-9a-f]+ 00 ' /proc/net/if_inet6; }

server_answers() { "$link" --root "$data" version >/dev/null 2>&1; }

make_stack() {
  heading "The base image for apps"
  if ! engine_answers; then
    warn "Docker Engine does not answer yet. Run 'paas stack:build' later."
    return
  fi
  "$program/bin/python" -c 'import sys
from paas.core.errors import PaasError
from paas.builders import buildkit, stack
def say(line): print("      ", line, flush=True)
try:
    say(stack.ensure(stack.default_suite(), docker_cli=buildkit.cli()[0], progress=say) + " is ready")
except PaasError as error:
    sys.exit("\n".join(f" !     {line}" for line in error.lines()))' ||
    warn "Apps with another base image do not need it. To try again, run 'paas stack:build'."
}

# git push on port 22 goes through the host's sshd, which belongs to the administrator: check it, and change nothing.
check_sshd() {
  has sshd || return 0
  local rules
  mkdir -p /run/sshd
  rules=$(sshd -T -C "user=$user,host=localhost,addr=127.0.0.1" 2>/dev/null) || return 0

  if grep -q '^pubkeyauthentication no' <<<"$rules"; then hint "it accepts no keys (PubkeyAuthentication no)"; fi
  if ! grep -q '^authorizedkeysfile .*\.ssh/authorized_keys' <<<"$rules"; then
    hint "it does not read ~/.ssh/authorized_keys (AuthorizedKeysFile)"
  fi
  if grep -q '^allowusers ' <<<"$rules" && ! grep -qx "allowusers $user" <<<"$rules"; then hint "its AllowUsers does not contain $user"; fi
  if grep -q '^allowgroups ' <<<"$rules" && ! grep -qxE "allowgroups ($(id -nG "$user" | tr ' ' '|'))" <<<"$rules"; then
    hint "its AllowGroups contains no group of $user"
  fi
  if grep -qx "denyusers $user" <<<"$rules"; then hint "its DenyUsers contains $user"; fi
}
hint() { warn "The host's sshd does not accept $user on port 22: $1. Port $(setting ssh-port) works without sshd."; }

summary() {
  local domain ssh_port
  domain=$(setting domain) ssh_port=$(setting ssh-port)

  if ! has_systemd; then
    heading "Installed. There is no systemd here: start it by hand, as the user $user"
    if server_answers; then say "The old server is still running: stop it first."; fi
    cat <<END
  setpriv --reuid $user --regid $user --init-groups --inh-caps +net_bind_service --ambient-caps +net_bind_service \\
    env HOME=$data paas serve --root $data
END
  elif [[ $start == no ]]; then
    heading "Installed. Start it with"
    if [[ $(setting build-isolation) == rootless ]]; then units+=("$builder"); fi
    echo "  systemctl daemon-reload && systemctl enable --now ${units[*]}"
  else
    heading "The server is running. Apps will be at http://APP.$domain"
  fi

  cat <<END

  On this server, add your key:        paas ssh-keys:add NAME --role admin < key.pub
  In the repository of an app:         git remote add paas ssh://paas@$domain:$ssh_port/APP
                                       git push paas main
  The same on port 22, through sshd:   git remote add paas paas@$domain:APP

  The names *.$domain must point to this server: add one wildcard record to the DNS.
END
}

uninstall() {
  if has_systemd; then systemctl disable --quiet --now "${units[@]}" "$builder" 2>/dev/null || true; fi
  # It contains only a cache.
  rm -rf /var/lib/paas-builder
  scripts/builder-user --remove

  if [[ $purge == yes ]]; then
    [[ ! -e $data/paas.db ]] || "$program/bin/paas" --root "$data" teardown --force
    rm -rf "$data"
    if getent passwd "$user" >/dev/null; then userdel "$user"; fi
  fi

  rm -f "${units[@]/#//etc/systemd/system/}" /etc/systemd/system/{paas-builds.service,"$builder"} "$link"
  if has_systemd; then systemctl daemon-reload; fi
  rm -rf "$program"

  say "Removed the program and its services. The packages stay."
  if [[ $purge == no ]]; then say "The apps' containers, $data and the user $user stay, too: --uninstall --purge removes them."; fi
}

main "$@"
