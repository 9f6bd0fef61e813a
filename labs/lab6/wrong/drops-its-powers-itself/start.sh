#!/bin/sh
mkdir -p /tmp/receipts
chown node:node /tmp/receipts
exec setpriv --reuid=node --regid=node --init-groups node server.js
