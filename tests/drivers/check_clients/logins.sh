#!/bin/sh
# LOGINS logins one after another with a FreeTDS program, each a process of its own; then alive for LINGER seconds.
# `logins.sh tsql|bsqldb`. The server's name stands in freetds.conf, which has the time-outs and the encryption too; its
# host and port are what the environment says.
for _ in $(seq "${LOGINS:-5}"); do
    case $1 in
    tsql) printf 'SELECT 1\ngo\nexit\n' | tsql -S closewait -U "$CLOSEWAIT_USER" -P "$CLOSEWAIT_PASSWORD" -o qhf ;;
    bsqldb) printf 'SELECT 1\ngo\n' | bsqldb -q -S closewait -U "$CLOSEWAIT_USER" -P "$CLOSEWAIT_PASSWORD" ;;
    esac
done
echo done
sleep "$LINGER"
