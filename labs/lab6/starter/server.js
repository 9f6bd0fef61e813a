// Sends letters through a provider, which wants a key. Keeps the last letter in a file, as a receipt.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const port = Number(process.env.PORT || 8000);
const receipts = process.env.RECEIPTS || path.join(__dirname, 'receipts');

// The key comes from the environment, or from a file that the environment names.
function apiKey() {
  const file = process.env.API_KEY_FILE;
  return file ? fs.readFileSync(file, 'utf8').trim() : process.env.API_KEY || '';
}

function answer(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body) + '\n');
}

const server = http.createServer((request, response) => {
  if (request.url === '/health') {
    answer(response, 200, { status: 'ok', key: apiKey() ? 'present' : 'missing' });
  } else if (request.url === '/letter') {
    if (!apiKey()) {
      answer(response, 503, { error: 'no API_KEY, so no letters' });
      return;
    }
    try {
      fs.mkdirSync(receipts, { recursive: true });
      fs.writeFileSync(path.join(receipts, 'last.txt'), `sent at ${new Date().toISOString()}\n`);
      answer(response, 200, { letter: 'sent' });
    } catch (error) {
      console.error(error.message);
      answer(response, 500, { error: 'the receipt could not be written' });
    }
  } else {
    answer(response, 404, { error: 'ask for /letter or /health' });
  }
});

server.listen(port, '0.0.0.0', () => console.log(`letters on port ${port}`));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
