// Shows every kind of message and every look, without a bot.

const LOCALES = ["en", "ar", "de", "es", "fr", "he", "hi", "it", "ja", "nl", "pl", "pt", "ru", "tr", "uk", "zh"];
const picture = new URL("/demo/assets/icon.svg", location.href).href;
const card = (n) => ({
  title: `Trail shoe ${n}`,
  subtitle: "Light, with a firm grip",
  image_url: picture,
  image_alt: "A picture of the shoe",
  buttons: [{ id: `buy-${n}`, title: "Choose" }, { url: "https://example.org/", title: "Read more" }],
});
const options = [
  { id: "red", title: "Red", description: "As a tomato" },
  { id: "green", title: "Green", description: "As grass" },
  { id: "blue", title: "Blue", description: "As the sea" },
];

const KINDS = {
  Text: { content: { kind: "text", text: "Good morning. How can I help?" } },
  Markdown: {
    content: {
      kind: "text",
      text: "**Three steps**, _quickly_:\n\n1. Open the `box`\n2. Read [the page](https://example.org/)\n3. ~~Wait~~ Go\n\n> Quoted words\n\n```\nsome code\n```",
    },
  },
  Buttons: { content: { kind: "choice", text: "Which colour?", options } },
  List: { content: { kind: "choice", text: "Which colour?", style: "list", label: "Show colours", options } },
  Image: { content: { kind: "media", media: "image", url: picture, file_name: "icon.svg", caption: "Our sign" } },
  File: { content: { kind: "media", media: "document", url: picture, file_name: "invoice.pdf", size: 48213 } },
  Place: { content: { kind: "location", latitude: 52.52, longitude: 13.405, name: "The shop", address: "Main street 1" } },
  Contact: { content: { kind: "contact", name: "Ada Lovelace", phones: ["+49 30 123456"], emails: ["ada@example.org"] } },
  Card: { content: { kind: "structured", payload: { type: "card", card: card(1) } } },
  Carousel: {
    content: { kind: "structured", payload: { type: "carousel", text: "These go well:", cards: [1, 2, 3, 4].map(card) } },
  },
  Rating: { content: { kind: "structured", payload: { type: "rating", text: "How was this conversation?" } } },
  Sources: {
    content: {
      kind: "structured",
      payload: {
        type: "answer",
        text: "Shoes can be sent back within **30 days**.",
        citations: [{ title: "Returns", url: "https://example.org/returns" }, { title: "Handbook, page 4" }],
      },
    },
  },
  Form: {
    content: {
      kind: "structured",
      payload: {
        type: "form",
        id: "order",
        text: "Where shall we send it?",
        fields: [
          { name: "name", label: "Name", required: true },
          { name: "email", label: "E-mail", type: "email", required: true },
          { name: "size", label: "Size", type: "select", options: [{ id: "m", title: "Medium" }, { id: "l", title: "Large" }] },
          { name: "note", label: "Anything else", type: "textarea" },
          { name: "gift", label: "It is a gift", type: "checkbox" },
        ],
        submit: "Order",
      },
    },
  },
  Notice: { role: "system", content: { kind: "structured", payload: { type: "notice", text: "Ada has joined" } } },
  "A person": {
    role: "agent",
    author: { name: "Ada", avatar_url: picture },
    content: { kind: "text", text: "I am a person and take over from here." },
  },
  "Your own": { role: "visitor", content: { kind: "text", text: "That is what I said." } },
};

// Far above what the bot's own conversation reaches, so that the two do not meet.
let seq = 1_000_000;
const show = (name) =>
  BotBuilder.preview([{ type: "frame", role: "bot", ...KINDS[name], seq: ++seq, at: new Date().toISOString() }]);

const button = (name, act) => {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = name;
  made.onclick = act;
  document.getElementById("messages").append(made);
};
button("Everything", () => Object.keys(KINDS).forEach(show));
for (const name of Object.keys(KINDS)) button(name, () => show(name));

for (const name of ["primary_color", "radius", "font_size", "dark_mode", "position"]) {
  const field = document.getElementById(name);
  field.oninput = () => BotBuilder.theme({ [name]: field.type === "range" ? Number(field.value) : field.value });
}

const locale = document.getElementById("locale");
const asked = new URLSearchParams(location.search).get("locale") ?? "en";
for (const code of LOCALES) locale.add(new Option(code, code, false, code === asked));
locale.onchange = () => location.assign(`?locale=${locale.value}`);

const loader = document.createElement("script");
loader.src = "/widget/v1/loader.js";
loader.dataset.widget = document.querySelector("main").dataset.widget;
loader.dataset.locale = asked;
loader.dataset.storage = "none";
document.head.append(loader);
addEventListener("botbuilder:ready", () => matchMedia("(min-width: 481px)").matches && BotBuilder.open());
