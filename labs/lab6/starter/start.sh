#!/bin/sh
# The receipts belong to the service, whoever made the folder.
mkdir -p receipts
chown node:node receipts
exec setpriv --reuid=node --regid=node --init-groups node server.js
