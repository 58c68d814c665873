//! What `specs/stop_filter.vibee` and `specs/sampler.vibee` judge: `cargo xtask specs`.

use std::borrow::Cow;

use engine::{
    SamplerKind, Sampling, StopFilter,
    sampler::for_specs::{drawn, kept},
};
use serde_json::{Map, Value, json};
use testkit::runner::{Reply, float, to_float, to_int};

fn main() {
    testkit::answer_specs(&["stop_filter", "sampler"], call);
}

fn call(function: &str, args: &Map<String, Value>) -> Option<Reply> {
    match function {
        "stop_filter.stream" => stream(args),
        "sampler.kept" => {
            let sampling = sampling(args.get("settings")?)?;
            let recent: Vec<u32> = list(args.get("recent")?, |of| u32::try_from(to_int(of)?).ok())?;
            let logits: Vec<f32> = list(args.get("logits")?, single)?;
            let kept = kept(&sampling, &recent, &logits).ok()?;
            let kept = kept.iter().map(|&(id, logit)| json!({ "id": id, "logit": float(logit.into()) }));
            Some(Reply::Ok(kept.collect()))
        }
        "sampler.drawn" => {
            let logits: Vec<f32> = list(args.get("logits")?, single)?;
            let drawn = drawn(&logits, to_float(args.get("unit")?)?);
            Some(Reply::Ok(drawn.map_or(Value::Null, |id| json!({ "some": id }))))
        }
        _ => None,
    }
}

/// Pushes the pieces one by one, and ends the stream if no stop string did.
fn stream(args: &Map<String, Value>) -> Option<Reply> {
    let text = |of: &Value| of.as_str().map(str::to_owned);
    let (stops, pieces) = (list(args.get("stops")?, text)?, list(args.get("pieces")?, text)?);
    let mut filter = StopFilter::new(&stops);
    let (mut shown, mut stop) = (Vec::new(), None);
    for piece in pieces {
        let mut out = String::new();
        stop = filter.push(&piece, &mut out);
        shown.push(out);
        if stop.is_some() {
            break;
        }
    }
    let mut rest = String::new();
    if stop.is_none() {
        filter.finish(&mut rest);
    }
    let stop = stop.map_or(Value::Null, |index| json!({ "some": index }));
    Some(Reply::Ok(json!({ "shown": shown, "rest": rest, "stop": stop })))
}

/// Settings that do nothing but what is said: no stream is drawn from here, so the seed does not count.
fn sampling(of: &Value) -> Option<Sampling> {
    let number = |name: &str| single(of.get(name)?);
    let count = |name: &str| usize::try_from(to_int(of.get(name)?)?).ok();
    let step = |of: &Value| match of.as_str()? {
        "penalties" => Some(SamplerKind::Penalties),
        "top_k" => Some(SamplerKind::TopK),
        "typical" => Some(SamplerKind::Typical),
        "top_p" => Some(SamplerKind::TopP),
        "min_p" => Some(SamplerKind::MinP),
        "temperature" => Some(SamplerKind::Temperature),
        _ => None,
    };
    Some(Sampling {
        temperature: number("temperature")?,
        top_k: count("top_k")?,
        top_p: number("top_p")?,
        min_p: number("min_p")?,
        typical_p: number("typical_p")?,
        repeat_penalty: number("repeat_penalty")?,
        frequency_penalty: number("frequency_penalty")?,
        presence_penalty: number("presence_penalty")?,
        repeat_last_n: count("repeat_last_n")?,
        logit_bias: Vec::new(),
        seed: 0,
        chain: Cow::Owned(list(of.get("chain")?, step)?),
    })
}

fn list<T>(of: &Value, item: impl FnMut(&Value) -> Option<T>) -> Option<Vec<T>> {
    of.as_array()?.iter().map(item).collect()
}

/// A number of 32 bits.
fn single(of: &Value) -> Option<f32> {
    to_float(of).map(|of| of as f32)
}
