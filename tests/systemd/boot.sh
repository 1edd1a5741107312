#!/bin/sh
# The first process of new mount, pid, cgroup, uts and ipc namespaces: makes a throw-away root out of this machine's and
# becomes systemd in it. Everything is on a tmpfs and gone with the namespaces.
#   boot.sh UID FOLDER...    the user herald gets this uid; the folders become readable for it
set -eu
uid=$1
shift

mount -t tmpfs -o mode=755 herald-test /mnt
mkdir /mnt/upper /mnt/work /mnt/root
root=/mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay $root

# nothing that this machine has set up starts: no services, no generators, no mounts
for folder in /etc/systemd/system /etc/systemd/user /lib/systemd/system-generators /home /tmp /var/lib /var/log; do
    mkdir -p $root$folder
    mount -t tmpfs -o mode=755 empty $root$folder
done
chmod 1777 $root/tmp
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-udev-trigger.service systemd-modules-load.service modprobe@.service systemd-sysctl.service \
    systemd-binfmt.service systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
    systemd-remount-fs.service systemd-random-seed.service systemd-pstore.service systemd-tmpfiles-clean.timer \
    tmp.mount; do
    ln -s /dev/null $root/etc/systemd/system/$unit
done
: >$root/etc/fstab
echo 00000000000000000000000000000001 >$root/etc/machine-id
sed -i /^herald:/d $root/etc/passwd $root/etc/group $root/etc/shadow
echo "herald:x:$uid:$uid::/home/herald:/bin/sh" >>$root/etc/passwd
echo "herald:x:$uid:" >>$root/etc/group
echo "herald:*:20000::::::" >>$root/etc/shadow

# what may lie on another disk, or below a folder that is for its owner only
count=0
for folder; do
    count=$((count + 1))
    mkdir -p "$root$folder" /mnt/upper.$count /mnt/work.$count
    mount -t overlay -o "lowerdir=$folder,upperdir=/mnt/upper.$count,workdir=/mnt/work.$count" overlay "$root$folder"
    while [ "$folder" != / ]; do
        chmod a+rx "$root$folder"
        folder=$(dirname "$folder")
    done
done

mount -t proc proc $root/proc
mount -t sysfs -o ro sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 run $root/run
mount -t tmpfs -o mode=755 dev $root/dev
mkdir $root/dev/pts $root/dev/shm
for device in null zero full random urandom tty; do
    touch $root/dev/$device
    mount --bind /dev/$device $root/dev/$device
done
ln -s null $root/dev/console
ln -s /proc/self/fd $root/dev/fd
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
mount -t tmpfs -o mode=1777 shm $root/dev/shm
# kernel settings are this machine's too
mount --bind $root/proc/sys $root/proc/sys
mount -o remount,bind,ro $root/proc/sys

cd $root
mkdir before
pivot_root . before
umount -l /before
# as systemd does by itself where it is not told that this is a container
ulimit -c unlimited
# what a unit mounts for a credential must reach the unit
mount --make-rshared /
exec env -i container=herald-test PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=basic.target --show-status=0 </dev/null >&2
