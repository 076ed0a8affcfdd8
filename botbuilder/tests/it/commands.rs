//! Commands for whoever runs the program, against one that runs.

use std::process::Stdio;

use botbuilder_testkit::platform::PATIENCE;
use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::program::{self, Program};

#[tokio::test(flavor = "multi_thread")]
async fn chat_talks_with_the_bot_until_its_input_ends() {
    let program = Program::new(&super::echo_flow()).await;
    let running = program.start("all", &[]).await;
    let url = format!("http://{}", program.public);
    let mut command = program::command(&["chat", "acme-web", "--url", &url]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(b"good day\nhow are you?\n").await.expect("open");
    drop(input);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("an end").expect("an end");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let place = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text:?} is not in {said}"));
    assert!(place("You said: good day") < place("You said: how are you?"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn diff_ends_with_what_it_found() {
    let program = Program::new(&super::echo_flow()).await;
    let running = program.start("all", &[]).await;
    let url = format!("http://{}", program.public);
    let (bot, token) = (program.organization.seeded.bot.to_string(), &program.organization.seeded.token);
    let file = program.directory.path().join("bot.json");
    let file = file.to_str().expect("text");
    let said = async |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--url", &url, "--token", token.expose()]);
        program::run(program::command(&all)).await
    };
    let exported = said(&["export", &bot, "--output", file]).await;
    assert!(exported.status.success(), "{}", exported.error);

    let same = said(&["diff", file, "--bot", &bot]).await;
    assert_eq!((same.status.code(), same.out.trim()), (Some(0), "nothing differs"), "{}", same.error);
    let text = std::fs::read_to_string(file).expect("a file");
    let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    document["bot"]["description"] = "sells shoes".into();
    std::fs::write(file, document.to_string()).expect("a file");
    let differs = said(&["diff", file, "--bot", &bot]).await;
    assert_eq!(differs.status.code(), Some(1), "{}", differs.error);
    assert!(differs.out.contains("~ bot") && differs.out.contains("description"), "{}", differs.out);
    let new = said(&["diff", file, "--bot", "nobody"]).await;
    assert_eq!(new.status.code(), Some(1), "{}", new.error);
    let none = said(&["diff", "/nowhere/bot.json", "--bot", &bot]).await;
    assert_eq!(none.status.code(), Some(2), "{}", none.out);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trail_tells_the_story_of_a_message_and_of_what_it_answers() {
    let program = Program::new(&super::echo_flow()).await;
    let running = program.start("all", &[]).await;
    program.organization.whatsapp.say("491511", "good day").await.expect("taken");
    let reply = program.organization.whatsapp_replies("491511", 1).await[0].tag.clone().expect("our tag");
    program.settled().await;
    let said = program.command(&["trail", &reply]).await;
    assert!(said.status.success(), "{}", said.error);
    let place = |word: &str| said.out.find(word).unwrap_or_else(|| panic!("{word:?} is not in {}", said.out));
    assert!(place("inbound text message") < place("received"));
    assert!(place("received") < place("verified"));
    assert!(place("verified") < place("appended"));
    assert!(place("turn") < place("outbound text message"));
    assert!(place(&format!("outbound text message {reply}")) < place("attempt"));
    assert!(place("attempt") < place("accepted"));
    assert!(!said.out.contains("good day") && !said.out.contains("491511"), "{}", said.out);

    let said = program.command(&["trail", "01890000-0000-7000-8000-000000000000"]).await;
    assert!(!said.status.success());
    assert!(said.error.contains("there is no message"), "{}", said.error);
    running.stop().await;
}

#[tokio::test]
async fn channels_lists_what_each_can_show() {
    let said = program::run(program::command(&["channels"])).await;
    assert!(said.status.success(), "{}", said.error);
    for channel in ["whatsapp", "telegram", "web"] {
        assert!(said.out.contains(channel), "{}", said.out);
    }
}

#[tokio::test]
async fn a_draft_is_talked_with_kept_as_a_test_and_tested() {
    let flows = concat!(env!("CARGO_MANIFEST_DIR"), "/../bot-runtime/flow");
    let suite = format!("{flows}/examples/demo.test.yaml");
    let said = program::run(program::command(&["test", &suite])).await;
    assert!(said.status.success(), "{} {}", said.out, said.error);
    assert!(said.out.contains("3 passed, 0 failed"), "{}", said.out);
    let other = format!("{flows}/testdata/ten_nodes.json");
    let said = program::run(program::command(&["test", &suite, "--against", &other])).await;
    assert!(!said.status.success());
    assert!(said.out.contains("FAILED an order that is on its way"), "{}", said.out);
    assert!(said.out.contains("step 1: no reply as expected"), "{}", said.out);

    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().join("kept.json");
    let kept = kept.to_str().expect("text");
    let flow = format!("{flows}/testdata/demo_flow.json");
    let mut command = program::command(&["simulate", &flow, "--as-test", kept]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut input = child.stdin.take().expect("its input");
    input.write_all(b"hi\n/tap Order status\n1002\n").await.expect("open");
    drop(input);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("an end").expect("an end");
    let said = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("bot> Order 1002 is on its way"), "{said}");
    let said = program::run(program::command(&["test", kept])).await;
    assert!(said.status.success() && said.out.contains("1 passed, 0 failed"), "{} {}", said.out, said.error);
}
