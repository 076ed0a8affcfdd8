// Opens the chat: who comes here wants to talk. On a telephone it would cover the page, so there it waits.
if (matchMedia("(min-width: 481px)").matches) {
  const open = () => window.BotBuilder.open();
  if (window.BotBuilder) open();
  else addEventListener("botbuilder:ready", open);
}
