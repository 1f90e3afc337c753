//! What the server says to remote procedure calls: the statements that drivers send with parameters, and the prepared
//! ones. The text is answered as a batch would be; the parameters are read and not used, since no answer depends on
//! one.

use super::answers::{batch, error, is_reset, no_procedure};
use super::session::Session;
use crate::tds::{Call, ColumnType, Done, Parameter, ReturnValue, Rpc, ServerMessage, Token, Value};

/// The procedures that are answered; every other one does not exist (2812), cursors included, since a driver that gets
/// an error for one says so at once.
#[cfg(test)]
pub(super) const ANSWERED: [&str; 7] = [
    "sp_executesql",
    "sp_prepare",
    "sp_execute",
    "sp_prepexec",
    "sp_prepexecrpc",
    "sp_unprepare",
    "sp_reset_connection",
];

/// The most tokens, columns counted one by one, after which no further call of a message is answered: a thousand short
/// calls of one long prepared statement would fill the memory.
const MOST_TOKENS: usize = 64 * 1024;

/// The tokens that answer a message, the last DONEPROC included.
pub(super) fn answer(rpc: &Rpc, session: &mut Session) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut weight = 0;
    for (at, call) in rpc.calls.iter().enumerate() {
        if weight > MOST_TOKENS {
            let text = "There is insufficient system memory in resource pool 'default' to run this query.";
            tokens.push(Token::Error(error(701, 17, 123, text.to_owned())));
            tokens.push(Token::DoneProc(Done::of(Done::ERROR)));
            break;
        }
        let answered = one(call, session);
        weight += answered.iter().map(weigh).sum::<usize>();
        tokens.extend(answered);
        if at + 1 < rpc.calls.len()
            && let Some(Token::DoneProc(done)) = tokens.last_mut()
        {
            done.status |= Done::MORE;
        }
    }
    tokens
}

fn weigh(token: &Token) -> usize {
    match token {
        Token::ColMetadata(columns) => 1 + columns.len(),
        Token::Row(values) => 1 + values.len(),
        _ => 1,
    }
}

fn one(call: &Call, session: &mut Session) -> Vec<Token> {
    let name = call.procedure.name();
    // sys.sp_executesql and master..sp_executesql are the same procedure.
    let last = name.rsplit('.').next().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
    let arguments = Arguments { procedure: &last, call };
    let answered = match last.as_str() {
        "sp_executesql" => arguments.text(0).map(|sql| run(&sql, session)),
        "sp_prepare" => arguments.text(2).map(|sql| {
            let shown = if arguments.int(3) == Ok(1) { columns(&sql, session) } else { Vec::new() };
            Answer { output: Some((0, session.prepared.add(sql))), ..Answer::of(shown) }
        }),
        "sp_execute" => arguments.int(0).and_then(|handle| {
            let sql = session.prepared.sql(handle).map(str::to_owned).ok_or_else(|| no_handle(handle))?;
            Ok(run(&sql, session))
        }),
        "sp_prepexec" => arguments.text(2).map(|sql| {
            // A handle that comes with the call is given back by it: ODBC prepares again so.
            if let Ok(handle) = arguments.int(0) {
                session.prepared.remove(handle);
            }
            prepare_and_run(sql, session)
        }),
        // The text is a procedure's name; what is behind it are that one's parameters.
        "sp_prepexecrpc" => arguments.text(1).map(|name| prepare_and_run(format!("EXEC {name}"), session)),
        "sp_unprepare" => arguments.int(0).and_then(|handle| {
            if session.prepared.remove(handle) { Ok(Answer::of(Vec::new())) } else { Err(no_handle(handle)) }
        }),
        reset if is_reset(reset) => {
            session.reset();
            Ok(Answer::of(Vec::new()))
        }
        // No status comes from a procedure that never ran.
        _ => return vec![Token::Error(no_procedure(name)), Token::DoneProc(Done::of(Done::ERROR))],
    };
    match answered {
        Ok(answer) => answer.tokens(call),
        Err(message) => Answer { failed: true, ..Answer::of(vec![Token::Error(message)]) }.tokens(call),
    }
}

/// What a procedure does.
struct Answer {
    tokens: Vec<Token>,
    /// An output parameter's place, and its value.
    output: Option<(u16, i32)>,
    failed: bool,
}

impl Answer {
    const fn of(tokens: Vec<Token>) -> Self {
        Self { tokens, output: None, failed: false }
    }

    /// With what ends a procedure: its status, its output, DONEPROC.
    fn tokens(self, call: &Call) -> Vec<Token> {
        let mut tokens = self.tokens;
        tokens.push(Token::ReturnStatus(i32::from(self.failed)));
        if let Some((ordinal, handle)) = self.output {
            let name = call.parameters.get(usize::from(ordinal)).map(|parameter| parameter.name.clone());
            tokens.push(Token::ReturnValue(ReturnValue {
                ordinal,
                name: name.unwrap_or_default(),
                kind: ColumnType::Int,
                value: Value::Int(handle),
            }));
        }
        tokens.push(Token::DoneProc(Done::of(if self.failed { Done::ERROR } else { Done::FINAL })));
        tokens
    }
}

/// The batch's answer as a procedure gives it: a statement ends with DONEINPROC, and one that counts no rows with
/// nothing.
fn run(sql: &str, session: &mut Session) -> Answer {
    let mut answer = Answer::of(Vec::new());
    for token in batch(sql, session) {
        match token {
            Token::Done(done) => {
                answer.failed |= done.status & Done::ERROR != 0;
                if done.status & Done::COUNT != 0 {
                    answer.tokens.push(Token::DoneInProc(Done { status: Done::COUNT | Done::MORE, ..done }));
                }
            }
            other => answer.tokens.push(other),
        }
    }
    answer
}

fn prepare_and_run(sql: String, session: &mut Session) -> Answer {
    let answer = run(&sql, session);
    Answer { output: Some((0, session.prepared.add(sql))), ..answer }
}

/// The columns that a statement would have. A copy of the session takes what it would do.
fn columns(sql: &str, session: &Session) -> Vec<Token> {
    let mut tokens = Vec::new();
    for token in batch(sql, &mut session.clone()) {
        if matches!(token, Token::ColMetadata(_)) {
            tokens.push(token);
            tokens.push(Token::DoneInProc(Done::of(Done::MORE)));
        }
    }
    tokens
}

/// The parameters of a call, as its procedure wants them.
struct Arguments<'a> {
    procedure: &'a str,
    call: &'a Call,
}

impl Arguments<'_> {
    fn at(&self, place: usize) -> Result<&Parameter, ServerMessage> {
        self.call.parameters.get(place).ok_or_else(|| {
            let text = format!(
                "Procedure or function '{}' expects parameter number {}, which was not supplied.",
                self.procedure,
                place + 1
            );
            error(201, 16, 10, text)
        })
    }

    fn text(&self, place: usize) -> Result<String, ServerMessage> {
        self.at(place)?.as_text().ok_or_else(|| wrong("ntext/nchar/nvarchar"))
    }

    fn int(&self, place: usize) -> Result<i32, ServerMessage> {
        self.at(place)?.as_int().and_then(|value| i32::try_from(value).ok()).ok_or_else(|| wrong("int"))
    }
}

fn wrong(kind: &str) -> ServerMessage {
    error(214, 16, 2, format!("Procedure expects parameter of type '{kind}'."))
}

fn no_handle(handle: i32) -> ServerMessage {
    error(8179, 16, 2, format!("Could not find prepared statement with handle {handle}."))
}

#[cfg(test)]
mod tests;
