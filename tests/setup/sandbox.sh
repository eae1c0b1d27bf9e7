# Runs the nightly unit of the house $1 with the mounts that it names, in a namespace of its own:
# everything is read-only but its ReadWritePaths and a temporary folder.
set -eu
mount --make-rprivate / || exit 77
mount --bind "$1" /mnt || exit 77
python=$(command -v "$PYTHON")
checkout=$(realpath "$(dirname "$0")/../..")
mount --bind "$checkout" /srv || exit 77
cd /mnt
mkdir -p units
"$python" -m simrec init -c /mnt/config.toml -w /mnt/workspace --no-retrain --units units > /dev/null 2>&1
unit=units/simrec-nightly.service
grep -q '^PrivateTmp=true' $unit
grep -q '^PrivateNetwork=true' $unit
grep -q '^ProtectSystem=strict' $unit
for path in $(sed -n 's/^ReadWritePaths=//p' $unit); do
  mount --bind "$path" "$path"
done
mount -o remount,ro,bind /
mount -o remount,ro,bind /mnt
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp
case $checkout in # it may lie in a folder that is hidden now
  /tmp/* | /var/tmp/*) mkdir -p "$checkout" && mount --bind /srv "$checkout" ;;
esac
touch /mnt/elsewhere 2> /dev/null || echo elsewhere is read-only
command=$(sed -n 's/^ExecStart=//p' $unit)
unset TMPDIR
export HOME=/nowhere
exec "$python" -m simrec ${command#*simrec }
