// Counts visits. The number is kept in a Redis, whose protocol is lines of text: the few that are needed are written here.
'use strict';

const http = require('node:http');
const net = require('node:net');

const port = 8000;
const store = { host: process.env.STORE_HOST || 'localhost', port: 6379 };

// One command and its answer: `INCR visits` is answered with `:42`.
function ask(command) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(store);
    let received = '';
    socket.setTimeout(2000, () => socket.destroy(new Error(`${store.host} does not answer`)));
    socket.on('connect', () => socket.write(`${command}\r\n`));
    socket.on('error', reject);
    socket.on('data', (data) => {
      received += data;
      if (received.endsWith('\r\n')) {
        socket.end();
        resolve(received.trim().replace(/^[:+]/, ''));
      }
    });
  });
}

const server = http.createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(body) + '\n');
  };
  if (request.url === '/health') {
    answer(200, { status: 'ok' });
  } else if (request.url === '/visits') {
    try {
      answer(200, { visits: Number(await ask('INCR visits')) });
    } catch (error) {
      console.error(`the store at ${store.host}: ${error.code || error.message}`);
      answer(503, { error: `the store can not be reached at ${store.host}` });
    }
  } else {
    answer(404, { error: 'ask for /visits or /health' });
  }
});

server.listen(port, '0.0.0.0', () => console.log(`api on port ${port}, store at ${store.host}`));
process.on('SIGTERM', () => process.exit(0));
