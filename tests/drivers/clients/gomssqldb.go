// go-mssqldb as Debian has it (2017): one login, SELECT 1, one line of JSON.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"time"

	mssql "github.com/denisenkom/go-mssqldb"
)

func selectOne() (value int, err error) {
	words := fmt.Sprintf("server=%s;port=%s;user id=%s;password=%s;database=%s;encrypt=%s;connection timeout=3;dial timeout=3",
		os.Getenv("CLOSEWAIT_HOST"), os.Getenv("CLOSEWAIT_PORT"), os.Getenv("CLOSEWAIT_USER"),
		os.Getenv("CLOSEWAIT_PASSWORD"), os.Getenv("CLOSEWAIT_DATABASE"), os.Getenv("CLOSEWAIT_ENCRYPT"))
	if certificate := os.Getenv("CLOSEWAIT_CERTIFICATE"); certificate != "" {
		words += ";TrustServerCertificate=false;certificate=" + certificate
	} else {
		words += ";TrustServerCertificate=true"
	}
	database, err := sql.Open("mssql", words)
	if err != nil {
		return 0, err
	}
	defer database.Close()
	err = database.QueryRow("SELECT 1").Scan(&value)
	return value, err
}

func main() {
	started := time.Now()
	value, err := selectOne()
	answer := map[string]interface{}{"seconds": time.Since(started).Seconds()}
	if err == nil {
		answer["result"], answer["value"] = "row", value
	} else {
		answer["result"], answer["text"], answer["kind"], answer["number"] = "error", err.Error(), fmt.Sprintf("%T", err), nil
		if server, ok := err.(mssql.Error); ok {
			answer["number"] = server.Number
		}
	}
	line, _ := json.Marshal(answer)
	fmt.Println(string(line))
}
