import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icons";
import type { Model } from "./model";

export function Composer({ model }: { model: Model }) {
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
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
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is being composed, Enter belongs to the input method.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };

  return (
    <>
      {capture !== "none" && <Email model={model} required={capture === "required"} />}
      {!locked && (
        <form class="composer" onSubmit={send}>
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
          />
          <button type="submit" aria-label={model.text("send")} disabled={!text.trim() || over > 0}>
            <Icon name="send" />
          </button>
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

function Email({ model, required }: { model: Model; required: boolean }) {
  const [email, setEmail] = useState("");
  const [bad, setBad] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const save = (event: Event) => {
    event.preventDefault();
    if (!/^[^@\s]+@[^@\s]+$/.test(email.trim())) {
      setBad(true);
      input.current?.focus();
      return;
    }
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
        <button type="submit">{model.text("save")}</button>
      </div>
      {bad && (
        <p id="bad" class="bad" role="alert">
          {model.text("email_bad")}
        </p>
      )}
      {!required && (
        <button type="button" class="quiet" onClick={() => model.skipEmail()}>
          {model.text("email_skip")}
        </button>
      )}
    </form>
  );
}
