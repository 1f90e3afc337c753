//! What is read, what is printed, and what is said of the rest.

use proptest::prelude::*;

use super::*;

#[test]
fn reads_and_prints() {
    for text in [
        "none",
        "connect-end",
        "connect-no-reply",
        "login-18456",
        "login-18456-state-5",
        "login-4060:end=hold",
        "login-18456:end=reset,p=0.2",
        "connect-end:p=0.5",
        "slow:for=250ms",
        "login-stall:end=hold,p=0.2,after=100,first=3,during=5s..10s,for=30s",
        "login-route:to=[::1]:1434",
        "session-later-end:requests=7",
        "prelogin-drip:every=20ms",
        "connect-stall:during=1m 30s..2m",
    ] {
        assert_eq!(text.parse::<FaultSpec>().unwrap().to_string(), text);
        let json = serde_json::to_string(&text.parse::<FaultSpec>().unwrap()).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<FaultSpec>(&json).unwrap().to_string(), text);
    }
}

/// Each with the reason that it is told.
#[test]
fn wrong_parameters_are_told_with_those_that_the_fault_takes() {
    for (text, reason) in [
        ("login-18456:end=never", "`never` is no end"),
        ("login-18456:", "no `=`"),
        ("login-18456:p", "no `=`"),
        ("login-18456:p=0", "no share"),
        ("login-18456:p=1.5", "no share"),
        ("login-18456:p=nan", "no share"),
        ("login-18456:q=1", "no fault has a parameter `q`"),
        ("login-18456:for=30s", "`for` means nothing to login-18456"),
        ("login-18456:end=hold,end=hold", "`end` stands there twice"),
        ("login-18456:p=1,p=1", "`p` stands there twice"),
        ("login-18456:after=0", "no number from 1"),
        ("login-18456:first=-1", "no number from 1"),
        ("login-18456:during=10s..5s", "there is no time"),
        ("login-stall:for=0s", "not above 0s"),
        ("login-stall:for=2days", "at most 1day"),
        ("login-stall:for=30", "not a duration"),
        ("login-stall:end=reset", "login-stall never ends by itself"),
        ("login-drip:for=3s", "`for` means nothing to login-drip"),
        ("login-route:to=:1", "not a target"),
        ("session-later-end:requests=0", "no number from 1"),
        ("session-first-end:requests=2", "`requests` means nothing"),
        ("slow:end=hold", "`end` means nothing to slow"),
        ("none:p=0.5", "`p` means nothing to none"),
        ("connect-refuse:p=0.5", "`p` means nothing to connect-refuse"),
        ("connect-stall:first=3", "`first` means nothing to connect-stall"),
    ] {
        let error = text.parse::<FaultSpec>().unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
    }
    let error = |text: &str| text.parse::<FaultSpec>().unwrap_err().to_string();
    assert_eq!(
        error("login-stall:every=1s"),
        "`every=1s` in `login-stall:every=1s`: `every` means nothing to login-stall; it takes for=30s, \
         end=close|hold|reset, p=0.2, after=100, first=3, during=5s..10s"
    );
    assert!(error("connect-stall:after=1").ends_with("; it takes during=5s..10s"));
    assert!(error("none:p=0.5").ends_with("; it takes none"));
}

/// What a reader is told of a parameter must be true of it.
#[test]
fn every_parameter_that_is_listed_is_taken() {
    for fault in Fault::all() {
        for take in fault.takes() {
            let example = take.to_string().replace("HOST:PORT", "db:1433").replace("close|hold|reset", "hold");
            let timed = if fault.never_over() && take.key == Key::End { ",for=1s" } else { "" };
            let text = format!("{fault}:{example}{timed}");
            let spec = text.parse::<FaultSpec>();
            assert!(spec.is_ok(), "{text}: {spec:?}");
        }
    }
}

/// A default that is shown must be the one that holds.
#[test]
fn defaults_are_as_shown() {
    for fault in Fault::all() {
        for take in fault.takes().iter().filter(|take| take.default.is_some()) {
            let written: FaultSpec = format!("{fault}:{take}").parse().unwrap();
            let bare = fault.to_string();
            for stage in 0..7 {
                let at = |text: &str| super::super::testbed::act(text)[stage].clone();
                assert_eq!(at(&written.to_string()), at(&bare), "{written}");
            }
        }
    }
}

#[test]
fn a_stall_with_a_time_is_over_some_day() {
    let never_over = |text: &str| text.parse::<FaultSpec>().unwrap().never_over();
    assert!(never_over("login-stall") && never_over("login-drip") && never_over("connect-no-reply"));
    assert!(!never_over("login-stall:for=30s") && !never_over("login-end") && !never_over("slow:for=1s"));
}

fn parameter(key: Key) -> BoxedStrategy<String> {
    let span = || (1_u64..86_400_000).prop_map(|ms| crate::units::Span::from_millis(ms).to_string());
    let value = match key {
        Key::End => prop_oneof![Just("close"), Just("hold"), Just("reset")].prop_map(str::to_owned).boxed(),
        Key::Probability => (1_u32..=1000).prop_map(|share| (f64::from(share) / 1000.0).to_string()).boxed(),
        Key::After | Key::First | Key::Requests => (1..u64::MAX).prop_map(|n| n.to_string()).boxed(),
        Key::During => {
            (0_u64..1000, 1_u64..1000).prop_map(|(from, more)| format!("{from}ms..{}ms", from + more)).boxed()
        }
        Key::For | Key::Every => span().boxed(),
        Key::To => prop_oneof![Just("db:1433"), Just("[::1]:5"), Just("192.0.2.7")].prop_map(str::to_owned).boxed(),
    };
    value.prop_map(move |value| format!("{}={value}", key.name())).boxed()
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same(
        which in 0..Fault::names().len(),
        values in Key::ALL.iter().map(|key| parameter(*key)).collect::<Vec<_>>(),
        chosen in any::<[bool; 9]>(),
    ) {
        let fault = Fault::all().nth(which).unwrap();
        let takes: Vec<Key> = fault.takes().iter().map(|take| take.key).collect();
        // `end` of a fault without an end needs its `for`.
        let chosen = |at: usize, key: Key| takes.contains(&key) && (chosen[at] || key == Key::For);
        let parameters = Key::ALL.iter().enumerate().filter(|(at, key)| chosen(*at, **key));
        let parameters: Vec<&str> = parameters.map(|(at, _)| values[at].as_str()).collect();
        let colon = if parameters.is_empty() { "" } else { ":" };
        let spec: FaultSpec = format!("{fault}{colon}{}", parameters.join(",")).parse().unwrap();
        prop_assert_eq!(spec.to_string().parse::<FaultSpec>().unwrap(), spec);
    }

    #[test]
    fn any_text_is_a_fault_or_an_error(text in "(login-stall|slow|zz)?[:=,a-z0-9.]{0,30}") {
        let _ = text.parse::<FaultSpec>();
    }
}
