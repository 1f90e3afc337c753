// LOGINS logins one after another with tedious, as its documentation says; then alive for LINGER seconds.
'use strict';

const fs = require('fs');
const { createRequire } = require('module');
// The package lies in the runner's work directory, not beside this file.
const { Connection, Request } = createRequire(process.env.CLOSEWAIT_NODE_MODULES)('tedious');

const from = (name) => process.env['CLOSEWAIT_' + name];
const certificate = from('CERTIFICATE');

function login() {
  return new Promise((resolve) => {
    const connection = new Connection({
      server: from('HOST'),
      authentication: { type: 'default', options: { userName: from('USER'), password: from('PASSWORD') } },
      options: {
        port: Number(from('PORT')),
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
    const over = (text) => {
      console.log(text);
      connection.close();
      resolve();
    };
    connection.on('error', (error) => over('error ' + error.message));
    connection.connect((error) => {
      if (error) return over('error ' + error.message);
      connection.execSqlBatch(new Request('SELECT 1', (error, rows) => over(error ? 'error ' + error.message : 'rows ' + rows)));
    });
  });
}

(async () => {
  for (let at = 0; at < Number(process.env.LOGINS ?? 5); at++) await login();
  console.log('done');
  setTimeout(() => process.exit(0), 1000 * Number(process.env.LINGER));
})();
