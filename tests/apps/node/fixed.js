// Five refused logins with tedious. FIXED: the stream around the socket destroys it when it is destroyed itself.
//
// tedious destroys what the application's `connector` gave it, also after a refused login. A stream that wraps a socket
// must pass that on: `_destroy` is the place. (Without a `connector` tedious does all of it alone.)
'use strict';

const net = require('net');
const { Duplex } = require('stream');
const { Connection } = require('tedious');

const env = process.env;
let bytes = 0;

class Counted extends Duplex {
  constructor(socket) {
    super();
    this.socket = socket;
    socket.on('data', (chunk) => {
      bytes += chunk.length;
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
  }

  _read() { this.socket.resume(); }
  _write(chunk, encoding, done) { bytes += chunk.length; this.socket.write(chunk, encoding, done); }
  _final(done) { this.socket.end(done); }
  _destroy(error, done) { this.socket.destroy(); done(error); }

  // What tedious calls on a socket.
  setKeepAlive(...how) { this.socket.setKeepAlive(...how); return this; }
  setNoDelay(...how) { this.socket.setNoDelay(...how); return this; }
}

function connector() {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: env.CLOSEWAIT_HOST, port: Number(env.CLOSEWAIT_PORT), allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.removeListener('error', reject);
      resolve(new Counted(socket));
    });
  });
}

function login() {
  return new Promise((resolve) => {
    const connection = new Connection({
      server: env.CLOSEWAIT_HOST,
      authentication: { type: 'default', options: { userName: env.CLOSEWAIT_USER, password: env.CLOSEWAIT_PASSWORD } },
      options: { connector, encrypt: false, connectTimeout: 3000 },
    });
    connection.on('error', () => {});
    connection.connect((error) => {
      connection.close();
      resolve(error ? 'refused (' + error.code + ')' : 'logged in');
    });
  });
}

async function main() {
  for (let n = 1; n <= 5; n++) console.log('login %d: %s', n, await login());
  // The program goes on: it holds nothing now.
  setTimeout(() => process.exit(0), 1000 * (env.LINGER ?? 4));
}

main();
