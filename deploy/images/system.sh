#!/bin/sh
# Unpacks the packages of system.packages into a folder, without what only a package manager, a shell or a reader needs.
# Run as `system.sh FOLDER` in a Debian image of that version.
set -eu
root=$1

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq --yes --no-install-recommends ca-certificates python3-minimal libpython3.11-stdlib
mkdir /packages
cd /packages
# As root, since apt's own user may not write here.
xargs apt-get download -qq -o APT::Sandbox::User=root < /system.packages

mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/var/lib/dpkg/status.d"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
for package in *.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$root"
    # Where scanners look for what an image is made of, when it has no package manager.
    dpkg-deb --field "$package" > "$root/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"
done

# Licences stay.
find "$root/usr/share/doc" -type f ! -name copyright -delete
rm -rf "$root/usr/share/man" "$root/usr/share/lintian" "$root/usr/share/locale" "$root/usr/share/bug"
rm -rf "$root/usr/lib/python3.11/ensurepip" "$root/usr/lib/python3.11/idlelib" "$root/usr/lib/python3.11/lib2to3"
python3 -m compileall -q --invalidation-mode unchecked-hash -s "$root" "$root/usr/lib/python3.11"

mkdir -p "$root/etc/ssl/certs" "$root/tmp" "$root/var/lib/lacak"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
chmod 1777 "$root/tmp"
echo 'lacak:x:10001:10001::/var/lib/lacak:/nonexistent' > "$root/etc/passwd"
echo 'lacak:x:10001:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
chown 10001:10001 "$root/var/lib/lacak"
