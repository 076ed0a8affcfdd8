import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";
import type { Model } from "./model";

export function Composer({ model }: { model: Model }) {
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const over = [...text].length - model.config.text_max;
  const capture = model.capture;
  const locked = capture === "required" || model.client.state === "refused";

  useEffect(() => {
    // It grows with what is in it; the style sheet has the bound.
    const element = area.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  const send = (event?: Event) => {
    event?.preventDefault();
    const said = text.trim();
    if (!said || over > 0) return;
    model.client.say(said);
    setText("");
    area.current?.focus();
  };
  const attach = (files: FileList | null | undefined) => {
    for (const file of files ?? []) model.attach(file);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is being composed, Enter belongs to the input method.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };

  return (
    <>
      {model.mayNotify && <Notify model={model} />}
      {capture !== "none" && <Email model={model} required={capture === "required"} />}
      {!locked && (
        <form class="composer" onSubmit={send}>
          {model.config.uploads && (
            <>
              <input
                type="file"
                ref={picker}
                multiple
                hidden
                accept={model.behaviour.allowed_upload_types?.join()}
                onChange={(event) => {
                  attach(event.currentTarget.files);
                  event.currentTarget.value = "";
                }}
              />
              <button type="button" class="attach" aria-label={model.text("attach")} onClick={() => picker.current?.click()}>
                <Icon name="attach" />
              </button>
            </>
          )}
          <label class="hidden" for="text">
            {model.text("message")}
          </label>
          <textarea
            id="text"
            ref={area}
            rows={1}
            value={text}
            placeholder={model.behaviour.placeholder || model.text("placeholder")}
            aria-invalid={over > 0}
            aria-describedby={over > 0 ? "over" : undefined}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={onKeyDown}
            onPaste={(event) => attach(event.clipboardData?.files)}
          />
          <button type="submit" aria-label={model.text("send")} disabled={!text.trim() || over > 0}>
            <Icon name="send" />
          </button>
          {model.problem && (
            <p class="bad" role="alert">
              {model.problem}
            </p>
          )}
          {over > 0 && (
            <p id="over" class="bad" role="status">
              {model.text("too_long", { n: over })}
            </p>
          )}
        </form>
      )}
    </>
  );
}

/** Asks before the browser does: a browser's question can be refused for good. */
function Notify({ model }: { model: Model }) {
  return (
    <div class="notify">
      <span>{model.text("notify")}</span>
      <button type="button" onClick={() => void model.notify(true)}>
        {model.text("notify_yes")}
      </button>
      <button type="button" class="quiet" onClick={() => void model.notify(false)}>
        {model.text("email_skip")}
      </button>
    </div>
  );
}

/** An e-mail address; while nobody is there, along with what is to be said. */
function Email({ model, required }: { model: Model; required: boolean }) {
  const [email, setEmail] = useState("");
  const [text, setText] = useState("");
  const offline = required && model.isOffline;
  const [bad, setBad] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const save = (event: Event) => {
    event.preventDefault();
    if (!/^[^@\s]+@[^@\s]+$/.test(email.trim())) {
      setBad(true);
      input.current?.focus();
      return;
    }
    if (offline && text.trim()) model.client.say(text.trim());
    model.giveEmail(email.trim());
  };
  return (
    <form class="email" onSubmit={save} noValidate>
      <label for="email">{model.text("email_title")}</label>
      <p id="why">{model.text("email_why")}</p>
      <div>
        <input
          id="email"
          ref={input}
          type="email"
          autocomplete="email"
          maxLength={254}
          value={email}
          aria-invalid={bad}
          aria-describedby={bad ? "bad" : "why"}
          onInput={(event) => setEmail(event.currentTarget.value)}
        />
        {!offline && <button type="submit">{model.text("save")}</button>}
      </div>
      {bad && (
        <p id="bad" class="bad" role="alert">
          {model.text("email_bad")}
        </p>
      )}
      {offline && (
        <>
          <label for="offline">{model.text("message")}</label>
          <textarea
            id="offline"
            rows={3}
            maxLength={model.config.text_max}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button type="submit">{model.text("send")}</button>
        </>
      )}
      {!required && (
        <button type="button" class="quiet" onClick={() => model.skipEmail()}>
          {model.text("email_skip")}
        </button>
      )}
    </form>
  );
}
