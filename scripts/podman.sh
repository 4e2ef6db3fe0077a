# Sourced by the scripts that run containers: podman without systemd, bases made here, all of it cleaned up at the end.
#   . scripts/podman.sh
# Then: base NAME KIND makes an image that a FROM asks for, netns NAME a network namespace with a loopback only. Needs root.
# Images live in a store of their own in the cache: stand-ins with Amazon's names do not get into the machine's.
# shellcheck shell=bash
[ "$(id -u)" = 0 ] || { echo "${0##*/}: it needs root: containers with a share of a CPU, mmdebstrap, network namespaces" >&2; exit 1; }
for tool in podman buildah runc mmdebstrap ip nsenter; do
    command -v "$tool" >/dev/null || { echo "${0##*/}: it needs $tool: apt-get install podman buildah runc netavark mmdebstrap iproute2" >&2; exit 1; }
done
cache=${XDG_CACHE_HOME:-$HOME/.cache}/rapid-client
scratch=$(mktemp -d)
chmod 755 "$scratch"  # a function's user looks into it
mkdir -p "$cache"
namespaces=()
# One run at a time: each cleans the store up behind itself.
exec 9>"$cache/images.lock"
flock --nonblock 9 || { echo "${0##*/}: waiting for another run with containers" >&2; flock 9; }

export CONTAINERS_CONF=$scratch/containers.conf CONTAINERS_STORAGE_CONF=$scratch/storage.conf
state=/run/rapid-client  # the store remembers where this is, so it is the same each time
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=20000:20000","nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "$state/libpod"
[network]
network_backend = "netavark"
END
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$cache/images"
runroot = "$state/containers"
END
# Every container of this run carries the label, and so does every image.
export CONTAINER_LABEL=rapid-client.run=$$

clean() {
    local found name
    mapfile -t found < <(podman ps --all --quiet --filter "label=$CONTAINER_LABEL" 2>/dev/null)
    [ ${#found[@]} -eq 0 ] || podman rm --force --time 0 "${found[@]}" >/dev/null 2>&1 || :
    mapfile -t found < <(podman images --all --quiet --filter "label=$CONTAINER_LABEL" 2>/dev/null | sort -u)
    [ ${#found[@]} -eq 0 ] || podman rmi --force "${found[@]}" >/dev/null 2>&1 || :
    podman image prune --force >/dev/null 2>&1 || :
    for name in "${namespaces[@]}"; do ip netns delete "$name" 2>/dev/null || :; done
    umount "$cache/images/overlay" 2>/dev/null || :
    # podman leaves the groups of its containers' parents, empty; those that are in use stay.
    find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || :
    rm -rf --one-file-system "$scratch" "$state"
}
trap clean EXIT

root_of() {  # root_of KIND: the tarball of a Debian system, made once
    local options suite tarball=$cache/root-$1.tar
    case $1 in
        # glibc 2.31, older than Amazon Linux 2023's 2.34; no Python, no certificates, and no time zones either.
        bare) suite=bullseye options=("--customize-hook=rm -r \"\$1/usr/share/zoneinfo\"") ;;
        python) suite=trixie options=("--include=python3,python3-pip,ca-certificates") ;;
        *) echo "podman.sh: there is no root named $1" >&2; return 1 ;;
    esac
    if [ ! -e "$tarball" ]; then
        echo "${0##*/}: making a Debian $suite (once; half a minute)" >&2
        mmdebstrap --quiet --aptopt='Acquire::Retries "3"' --variant=minbase --format=tar "${options[@]}" "$suite" "$tarball.$$" >&2
        mv "$tarball.$$" "$tarball"
    fi
    echo "$tarball"
}

base() {  # base NAME KIND: the image NAME, made of that system if it is not there yet
    podman image exists "$1" || podman import --quiet "$(root_of "$2")" "$1" >/dev/null
}

build() {  # build NAME [arguments of podman build]
    local name=$1
    shift
    podman build --quiet --pull-never --network=host --label "$CONTAINER_LABEL" --tag "$name" "$@" >/dev/null
}

netns() {  # netns NAME: a network namespace whose only interface is a loopback
    ip netns add "$1"
    namespaces+=("$1")
    ip -n "$1" link set lo up
}
