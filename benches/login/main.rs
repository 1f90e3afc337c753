//! How many refused logins a second, and how much memory an idle connection costs: `closewait serve` beside a minimal
//! blocking loop that exchanges the same bytes, round by round in one run. Prints tables, and asserts nothing but that
//! each login went as it should.
//!
//! `cargo bench --bench login [-- refused|tls|memory ...]`
//!
//! Server and client are processes of their own, as they are for whoever uses this: in one process, one scheduler would
//! know of both ends. The choice not taken: a benchmark framework, which times a closure and not two processes.

mod bytes;
mod client;
mod memory;
mod part;
mod refused;
mod tls;

fn main() {
    match std::env::var(part::ROLE).as_deref() {
        Ok("loop") => part::blocking_loop(),
        Ok("client") => client::run(),
        _ => compare(),
    }
}

fn compare() {
    closewait::host::raise_descriptor_limit();
    let named: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let wanted = |table: &str| named.is_empty() || named.iter().any(|name| name == table);
    if wanted("refused") {
        refused::table();
    }
    if wanted("tls") {
        refused::tls_table();
    }
    if wanted("memory") {
        memory::table();
    }
}
