// tedious. It tries again on 4060 and 40613 (maxRetriesOnTransientErrors, 3 times), and keeps the last error.
'use strict';

const fs = require('fs');
const { createRequire } = require('module');
// The package lies in the runner's work directory, not beside this file.
const { Connection, Request } = createRequire(process.env.CLOSEWAIT_NODE_MODULES)('tedious');

const from = (name) => process.env['CLOSEWAIT_' + name];
const certificate = from('CERTIFICATE');
const started = performance.now();
let value = null;
let number = null;
let over = false;

function answer(result) {
  if (over) return;
  over = true;
  result.seconds = (performance.now() - started) / 1000;
  // The driver is to close by itself; what keeps the process alive then is a finding of the runner's limit.
  fs.writeSync(1, JSON.stringify(result) + '\n');
}

function failed(error) {
  // A failed attempt on several addresses is an AggregateError.
  const all = [error, error.cause, ...(error.errors || [])].filter(Boolean);
  number = all.map((one) => one.number).find((one) => typeof one === 'number') ?? number;
  answer({ result: 'error', number, text: all.map((one) => one.message).join(' / '), kind: error.code || error.name });
  connection.close();
}

const connection = new Connection({
  server: from('HOST'),
  authentication: { type: 'default', options: { userName: from('USER'), password: from('PASSWORD') } },
  options: {
    port: Number(from('PORT')),
    database: from('DATABASE'),
    tdsVersion: from('TDS'),
    encrypt: { false: false, true: true }[from('ENCRYPT')] ?? from('ENCRYPT'),
    trustServerCertificate: !certificate,
    cryptoCredentialsDetails: certificate ? { ca: fs.readFileSync(certificate) } : {},
    // Node refuses an address as a TLS server name.
    serverName: 'localhost',
    connectTimeout: 3000,
    requestTimeout: 3000,
    cancelTimeout: 3000,
  },
});

// A login's error comes without its number; the event of the server's message has it.
connection.on('errorMessage', (message) => { number = message.number; });
connection.on('error', failed);
connection.connect((error) => {
  if (error) return failed(error);
  const request = new Request('SELECT 1', (error) => {
    if (error) return failed(error);
    answer({ result: 'row', value });
    connection.close();
  });
  request.on('row', (columns) => { value = columns[0].value; });
  connection.execSqlBatch(request);
});
