# What is different on older kernels, or on one with control groups of version 2. Each case prints one line.

# case NAME WORD... -- COMMAND...: the command's output has to hold each of the words.
case_() {
    name=$1 words=
    shift
    while [ "$1" != -- ]; do words="$words$1
"; shift; done
    shift
    "$@" > /tmp/said 2>&1
    status=$?
    missing=$(printf %s "$words" | while IFS= read -r word; do grep -qF -- "$word" /tmp/said || echo "$word"; done)
    if [ -z "$missing" ]; then echo "ok $name"; else
        echo "FAILED $name: status $status, without: $missing"
        sed 's/^/    /' /tmp/said
    fi
}

export LAPSTRAKE_ROOT=/var/tmp/store
# What the archive holds has no name.
load='id=$(lap load -i /image.tar | sed "s/.*: //"); lap tag "$id" busybox; lap images'
case_ load 'busybox' -- sh -c "$load"
case_ run 'hello' -- lap run --rm busybox echo hello

mkdir -p /tmp/context
cd /tmp/context
echo text > file
cat > Dockerfile <<END
FROM busybox AS tool
COPY file /in
RUN mkdir /made && cp /in /made/a && rm /in
FROM busybox
RUN --mount=type=bind,from=tool,target=/tool --mount=type=cache,target=/cache \
    --mount=type=bind,target=/context --mount=type=tmpfs,target=/t \
    cp /tool/made/a /copied && cat /context/file >> /copied && touch /cache/x /t/y
COPY --from=tool /made /made
RUN rm -r /made && mkdir /made && touch /made/b && chown 7:8 /made/b && ln /made/b /made/c
END
case_ build 'naming to' -- lap build -t app .
case_ 'build again' 'CACHED' -- lap build -t app .
case_ 'what was built' '/made/b 7:8 2' 'text' -- \
    lap run --rm app sh -c 'ls /made; stat -c "%n %u:%g %h" /made/b; cat /copied'
case_ 'nothing below shows through' 'No such file' -- lap run --rm app cat /made/a

# Options of a mount are one page here, and a layer takes 17 bytes of it at least.
many() { echo FROM busybox; for number in $(seq "$1"); do printf 'COPY <<END /f%d\n%d\nEND\n' "$number" "$number"; done; }
mkdir -p /tmp/many
many 126 > /tmp/many/Dockerfile
case_ 'many layers' 'sha256:' -- lap build -q -t many /tmp/many
case_ 'many layers are mounted' '126' -- lap run --rm many cat /f126
many 400 > /tmp/many/Dockerfile
case_ 'more layers than the kernel mounts' 'sha256:' -- lap build -q -t more /tmp/many
case $(uname -r) in
    [1-5].* | 6.[0-4].*) answer='more than this kernel mounts' ;;
    *) answer=400 ;;
esac
case_ 'are refused with the reason, or mounted after all' "$answer" -- lap run --rm more cat /f400

case_ 'processes' '7' 'more than 7 processes' -- \
    lap run --rm --pids-limit 7 busybox sh -c 'cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
case_ 'processors' '50000 100000' 'Cpus_allowed_list:	1' -- \
    lap run --rm --cpus 0.5 --cpuset-cpus 1 busybox sh -c 'cat /sys/fs/cgroup/cpu.max; grep Cpus_allowed_list /proc/self/status'
case_ 'shares' '20' -- lap run --rm --cpu-shares 512 busybox cat /sys/fs/cgroup/cpu.weight
case_ 'memory' '33554432' 'ran out of memory' -- \
    lap run --rm -m 32m --memory-swap 32m busybox sh -c 'cat /sys/fs/cgroup/memory.max; dd if=/dev/zero of=/dev/shm/x bs=1M count=60'
case_ 'a step that runs out of memory' 'ran out of memory, of which it may have 32 MiB' -- \
    lap build -m 32m --memory-swap 32m - <<END
FROM busybox
RUN dd if=/dev/zero of=/dev/shm/x bs=1M count=60
END
case_ 'groups are hidden and cannot be written' '0::/' 'Read-only file system' -- \
    lap run --rm -m 32m busybox sh -c 'cat /proc/self/cgroup; mkdir /sys/fs/cgroup/x'

# A killed engine leaves nothing: no process, no mount, and no group once another command has looked.
lap run --rm --pids-limit 50 busybox sleep 987 > /dev/null &
engine=$!
alive() { ps | grep -c '[s]leep 987'; }
for _ in $(seq 100); do [ "$(alive)" = 0 ] || break; sleep 0.1; done
left() {
    kill -9 "$engine"
    sleep 1
    lap images > /dev/null
    echo "$(alive) processes, $(grep -c "$LAPSTRAKE_ROOT" /proc/mounts) mounts, $(find /sys/fs/cgroup -name 'lapstrake*' | wc -l) groups"
}
case_ 'a killed engine' '0 processes, 0 mounts, 0 groups' -- left

# An ordinary user with one id, and with groups of its own, as systemd delegates them.
echo '+cpu +memory +pids +cpuset' > /sys/fs/cgroup/cgroup.subtree_control
mkdir -p /sys/fs/cgroup/user/session
echo '+cpu +memory +pids +cpuset' > /sys/fs/cgroup/user/cgroup.subtree_control
for file in '' /cgroup.procs /cgroup.subtree_control /session /session/cgroup.procs; do chown 1000:1000 "/sys/fs/cgroup/user$file"; done
chown 1000:1000 /home/user /tmp/context /tmp/context/*
mkdir -p /var/tmp/user && chown 1000:1000 /var/tmp/user
as_user() { (echo 0 > /sys/fs/cgroup/user/session/cgroup.procs; HOME=/home/user LAPSTRAKE_ROOT=/var/tmp/user/store exec su -s /bin/sh user -c "$1"); }
case_ 'user: load' 'busybox' -- as_user "$load"
case_ 'user: run' 'uid=0' -- as_user 'lap run --rm busybox id'
cat > /tmp/context/Dockerfile <<END
FROM busybox
COPY file /in
RUN rm -r /home && mkdir /home && cp /in /home/a
RUN cat /home/a
END
case_ 'user: build' 'naming to' -- as_user 'cd /tmp/context && lap build -t app .'
case_ 'user: what was built' 'text' -- as_user 'lap run --rm app cat /home/a'
case_ 'user: memory' '33554432' 'ran out of memory' -- \
    as_user 'lap run --rm -m 32m --memory-swap 32m busybox sh -c "cat /sys/fs/cgroup/memory.max; dd if=/dev/zero of=/dev/shm/x bs=1M count=60"'
