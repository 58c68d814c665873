//! Answers of `/v1/responses` that are kept, and requests that go on from them.

use serde_json::{Value, json};
use server::{
    ServerOptions,
    auth::{KeyFileFormat, Keys},
    models::{Models, ModelsOptions},
};

use super::support::{SMOLLM2, TestLoader, smollm2, with};
use crate::loopback::{Answer, Loopback};

const PATH: &str = "/v1/responses";

fn body(input: Value) -> Value {
    let mut body = json!({"model": SMOLLM2, "max_output_tokens": 6, "temperature": 0});
    body["input"] = input;
    body
}

fn start(options: ServerOptions) -> Loopback {
    let models = Models::new(Box::new(TestLoader::of(&[SMOLLM2])), ModelsOptions::default());
    Loopback::with_models(options, models)
}

fn missing(answer: &Answer, param: &str) {
    let error = answer.json()["error"].clone();
    assert_eq!((answer.status, &error["param"]), (404, &json!(param)), "{}", answer.text());
}

#[test]
fn a_conversation_goes_on_from_an_answer() {
    let server = smollm2();
    let first = server.ok(PATH, &with(&body(json!("My name is Ann.")), &json!({"instructions": "Be brief."})));
    assert_eq!((&first["store"], &first["previous_response_id"]), (&json!(true), &Value::Null));
    let second = server.ok(PATH, &with(&body(json!("Who am I?")), &json!({"previous_response_id": first["id"]})));
    assert_eq!(second["previous_response_id"], first["id"]);
    let third = server.ok(PATH, &with(&body(json!([])), &json!({"previous_response_id": second["id"]})));
    // The same as if all of it had come along; instructions hold for one answer.
    let said = |answer: &Value| json!({"role": "assistant", "content": answer["output"][0]["content"]});
    let (ann, who) =
        (json!({"role": "user", "content": "My name is Ann."}), json!({"role": "user", "content": "Who am I?"}));
    let whole = server.ok(PATH, &body(json!([ann, said(&first), who])));
    assert_eq!(whole["usage"]["input_tokens"], second["usage"]["input_tokens"]);
    assert_eq!(said(&whole), said(&second));
    let whole = server.ok(PATH, &body(json!([ann, said(&first), who, said(&second)])));
    assert_eq!(whole["usage"]["input_tokens"], third["usage"]["input_tokens"]);
    // A stream is kept as well.
    let stream = server.post_json(PATH, &with(&body(json!("Hello.")), &json!({"stream": true})));
    let last: Value = serde_json::from_str(stream.text().trim_end().rsplit("data: ").next().unwrap()).unwrap();
    let id = last["response"]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("{PATH}/{id}")).json(), last["response"]);
    let error = server.post_json(PATH, &with(&body(json!("a")), &json!({"previous_response_id": "resp_none\n"})));
    missing(&error, "previous_response_id");
    assert_eq!(error.json()["error"]["code"], "previous_response_not_found");
    server.refused(PATH, &json!({"model": SMOLLM2}), "input");
}

#[test]
fn an_item_stands_for_what_was_answered() {
    let server = smollm2();
    let tools = json!([{"type": "function", "name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}]);
    let call = server.ok(
        PATH,
        &with(
            &body(json!("What time is it?")),
            &json!({"tools": tools, "tool_choice": "required", "max_output_tokens": 60}),
        ),
    );
    let item = &call["output"][0];
    assert_eq!(item["type"], "function_call", "{call}");
    let result = json!({"type": "function_call_output", "call_id": item["call_id"], "output": "Noon."});
    let question = json!({"role": "user", "content": "What time is it?"});
    let by_reference = server.ok(PATH, &body(json!([question, {"type": "item_reference", "id": item["id"]}, result])));
    let in_full = server.ok(PATH, &body(json!([question, item, result])));
    assert_eq!(by_reference["usage"]["input_tokens"], in_full["usage"]["input_tokens"]);
    assert_eq!(by_reference["output"][0]["content"], in_full["output"][0]["content"]);
    // Its type may be left out.
    let short = server.ok(PATH, &body(json!([question, {"id": item["id"]}, result])));
    assert_eq!(short["usage"]["input_tokens"], in_full["usage"]["input_tokens"]);
    // And what was asked with a reference can be gone on from.
    let next = json!({"previous_response_id": by_reference["id"]});
    let next = server.ok(PATH, &with(&body(json!("Thanks.")), &next));
    let full = server.ok(
        PATH,
        &body(json!([question, item, result, by_reference["output"][0], {"role": "user", "content": "Thanks."}])),
    );
    assert_eq!(next["usage"]["input_tokens"], full["usage"]["input_tokens"]);
    missing(
        &server.post_json(PATH, &body(json!([question, {"type": "item_reference", "id": "msg_none"}]))),
        "input[1].id",
    );
    server.refused(PATH, &body(json!([{"type": "item_reference"}])), "input[0].id");
}

#[test]
fn the_items_of_an_answer_s_input_are_listed() {
    let server = smollm2();
    let items = |answer: &Value, query: &str| {
        let answer = server.get(&format!("{PATH}/{}/input_items{query}", answer["id"].as_str().unwrap()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let first = server.ok(PATH, &with(&body(json!("My name is Ann.")), &json!({"instructions": "Be brief."})));
    let list = items(&first, "");
    assert_eq!((&list["object"], &list["has_more"]), (&json!("list"), &json!(false)));
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "instructions are no item");
    let item = &list["data"][0];
    assert_eq!(
        (&item["type"], &item["role"], &item["status"]),
        (&json!("message"), &json!("user"), &json!("completed"))
    );
    assert_eq!(item["content"], json!([{"type": "input_text", "text": "My name is Ann."}]));
    assert_eq!((&list["first_id"], &list["last_id"]), (&item["id"], &item["id"]));
    // With what came before it, the last first.
    let own = json!([
        {"type": "item_reference", "id": first["output"][0]["id"]},
        {"role": "assistant", "content": "I see."},
        {"type": "message", "id": "msg_mine", "role": "user", "content": [{"type": "input_text", "text": "Who am I?"}]},
    ]);
    let second = server.ok(PATH, &with(&body(own), &json!({"previous_response_id": first["id"]})));
    let list = items(&second, "?limit=100");
    let all: Vec<Value> = list["data"].as_array().unwrap().clone();
    let said = first["output"][0].clone();
    assert_eq!(all.len(), 5, "{list}");
    assert_eq!((&all[0]["id"], &all[0]["content"][0]["text"]), (&json!("msg_mine"), &json!("Who am I?")));
    assert_eq!(all[1]["content"], json!([{"type": "output_text", "text": "I see.", "annotations": []}]));
    assert_eq!((&all[2], &all[3], &all[4]), (&said, &said, item));
    // Page by page, and the other way round.
    let page = items(&second, "?limit=2&order=asc");
    let reversed: Vec<Value> = all.iter().rev().cloned().collect();
    assert_eq!((&page["data"], &page["has_more"]), (&json!(reversed[..2]), &json!(true)));
    let rest = items(&second, &format!("?order=asc&after={}", all[1]["id"].as_str().unwrap()));
    assert_eq!((&rest["data"], &rest["has_more"]), (&json!(reversed[4..]), &json!(false)));
    // Sent back, they are the conversation.
    let again = server.ok(PATH, &body(json!(reversed)));
    assert_eq!(again["usage"]["input_tokens"], second["usage"]["input_tokens"]);
    let url = format!("{PATH}/{}/input_items", second["id"].as_str().unwrap());
    for (query, says) in
        [("limit=0", "limit: 0"), ("limit=101", "limit: 101"), ("order=up", "the query"), ("after=none", "after")]
    {
        let answer = server.get(&format!("{url}?{query}"));
        assert!(answer.status == 400 && answer.text().contains(says), "{query}: {}", answer.text());
    }
    missing(&server.get(&format!("{PATH}/resp_none/input_items")), "response_id");
}

#[test]
fn what_is_deleted_or_was_not_to_be_kept_is_gone() {
    let server = smollm2();
    let unkept = server.ok(PATH, &with(&body(json!("a")), &json!({"store": false})));
    assert_eq!(unkept["store"], false);
    let kept = server.ok(PATH, &with(&body(json!("a")), &json!({"store": true})));
    let url = |answer: &Value| format!("{PATH}/{}", answer["id"].as_str().unwrap());
    let delete = |url: &str| server.send(format!("DELETE {url} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    missing(&server.get(&url(&unkept)), "response_id");
    assert_eq!(server.get(&url(&kept)).json(), kept);
    let streamed = server.get(&format!("{}?stream=true", url(&kept)));
    assert_eq!((streamed.status, &streamed.json()["error"]["param"]), (400, &json!("stream")));
    assert_eq!(delete(&url(&kept)).json(), json!({"id": kept["id"], "object": "response", "deleted": true}));
    missing(&server.get(&url(&kept)), "response_id");
    missing(&delete(&url(&kept)), "response_id");
    missing(
        &server.post_json(PATH, &with(&body(json!("b")), &json!({"previous_response_id": kept["id"]}))),
        "previous_response_id",
    );
}

#[test]
fn no_key_reaches_what_another_was_answered() {
    let keys = Keys::parse("keys", "key-of-ann\nkey-of-bob\n", KeyFileFormat::Lines).unwrap();
    // Also where they share cached prefixes.
    let server =
        start(ServerOptions { keys, cache_scoping: server::auth::CacheScoping::All, ..ServerOptions::default() });
    let ask = |key: &str, method: &str, path: &str, body: &str| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {key}\r\nContent-Type: application/json"
        );
        server.send(format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    };
    let answer = ask("key-of-ann", "POST", PATH, &body(json!("a secret")).to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let url = format!("{PATH}/{}", answer["id"].as_str().unwrap());
    let on = with(&body(json!("b")), &json!({"previous_response_id": answer["id"]})).to_string();
    let item = body(json!([{"type": "item_reference", "id": answer["output"][0]["id"]}])).to_string();
    missing(&ask("key-of-bob", "GET", &url, ""), "response_id");
    missing(&ask("key-of-bob", "GET", &format!("{url}/input_items"), ""), "response_id");
    missing(&ask("key-of-bob", "DELETE", &url, ""), "response_id");
    missing(&ask("key-of-bob", "POST", PATH, &on), "previous_response_id");
    missing(&ask("key-of-bob", "POST", PATH, &item), "input[0].id");
    for (method, path, body) in [("GET", url.as_str(), ""), ("POST", PATH, on.as_str()), ("POST", PATH, item.as_str())]
    {
        assert_eq!(ask("key-of-ann", method, path, body).status, 200);
    }
}

#[test]
fn a_server_that_keeps_none_says_so() {
    let server = start(ServerOptions { responses_max: 0, ..ServerOptions::default() });
    let answer = server.ok(PATH, &with(&body(json!("a")), &json!({"store": true})));
    assert_eq!(answer["store"], false, "told truthfully");
    let gone = server.get(&format!("{PATH}/{}", answer["id"].as_str().unwrap()));
    missing(&gone, "response_id");
    assert!(gone.text().contains("--responses-kept 0"), "{}", gone.text());
    // What is too large by itself is told as well, at the end.
    let server = start(ServerOptions { responses_bytes_max: 3072, ..ServerOptions::default() });
    let answer = server.ok(PATH, &body(json!("word ".repeat(400))));
    assert_eq!(answer["store"], false);
    assert_eq!(server.ok(PATH, &body(json!("a")))["store"], true);
}

#[test]
fn too_long_a_conversation_loses_its_oldest_turns_where_it_may() {
    let server = smollm2();
    let long = |n: usize| json!({"role": "user", "content": "word ".repeat(n)});
    let answer = json!({"role": "assistant", "content": "Yes."});
    let instructions = json!({"instructions": "Be brief."});
    let ask = |input: Value, more: Value| with(&with(&body(input), &instructions), &more);
    let all = json!([long(300), answer, long(300), answer, {"role": "user", "content": "Hi"}]);
    let error = server.refused(PATH, &ask(all.clone(), json!({})), "input");
    assert_eq!(error["code"], "context_length_exceeded");
    let cut = server.ok(PATH, &ask(all, json!({"truncation": "auto"})));
    assert_eq!(cut["truncation"], "auto");
    let rest = server.ok(PATH, &ask(json!([long(300), answer, {"role": "user", "content": "Hi"}]), json!({})));
    assert_eq!(cut["usage"]["input_tokens"], rest["usage"]["input_tokens"]);
    // A turn that is too long alone is refused all the same.
    server.refused(PATH, &ask(json!([long(600)]), json!({"truncation": "auto"})), "input");
}
