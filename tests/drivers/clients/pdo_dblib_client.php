<?php
// PHP's PDO_DBLIB over FreeTDS' DB-Library: encryption comes from freetds.conf.
$started = microtime(true);
$number = null;
try {
    $dsn = 'dblib:host=closewait;dbname=' . getenv('CLOSEWAIT_DATABASE') . ';version=' . getenv('CLOSEWAIT_TDS');
    $connection = new PDO($dsn, getenv('CLOSEWAIT_USER'), getenv('CLOSEWAIT_PASSWORD'), [
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
        PDO::DBLIB_ATTR_CONNECTION_TIMEOUT => 3,
        PDO::DBLIB_ATTR_QUERY_TIMEOUT => 3,
    ]);
    $value = $connection->query('SELECT 1')->fetchColumn();
    $answer = ['result' => 'row', 'value' => (int) $value];
} catch (Throwable $error) {
    // errorInfo: SQLSTATE, the server's or DB-Library's number, text, ...
    $number = $error instanceof PDOException ? ($error->errorInfo[1] ?? null) : null;
    $own = $number !== null && ($number <= 0 || ($number >= 20000 && $number < 21000));
    $answer = [
        'result' => 'error',
        'number' => $own ? null : $number,
        'text' => $error->getMessage(),
        'kind' => get_class($error),
    ];
}
$connection = null;
$answer['seconds'] = microtime(true) - $started;
echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
