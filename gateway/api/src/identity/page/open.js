// What a link in a mail opens. The token stands behind the number sign, which browsers keep to themselves; it is sent
// only when somebody presses the button, so that a mail program that looks at links uses none up.
"use strict";
const actions = {
  verify: { title: "Confirm your address", to: "/v1/auth/email/verify", done: "Your address is confirmed." },
  reset: { title: "Choose a new password", to: "/v1/auth/password/reset", done: "Your password is changed. Sign in with it." },
  magic: { title: "Sign in", to: "/v1/auth/magic-link/redeem", done: "You are signed in." },
  invitation: { title: "Accept the invitation", to: "/v1/invitations/accept", done: "Welcome. You are a member now." },
};
const [what, token] = location.hash.slice(1).split("=");
const action = Object.hasOwn(actions, what) ? actions[what] : undefined;
const element = (id) => document.getElementById(id);
if (action && token) {
  // The token does not stay in the history.
  history.replaceState(null, "", location.pathname);
  element("title").textContent = action.title;
  element("outcome").textContent = "";
  element("form").hidden = false;
  element("password").hidden = what !== "reset";
  element("new-password").required = what === "reset";
  element("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    element("go").disabled = true;
    const body = { token };
    if (what === "reset") body.password = element("new-password").value;
    if (what === "magic") body.device = { cookies: true };
    try {
      const answer = await fetch(action.to, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      const said = text ? JSON.parse(text) : {};
      if (answer.ok && said.data && said.data.two_factor_required) {
        element("outcome").textContent = "Your account asks for a second factor: sign in where you can enter a code.";
      } else if (answer.ok) {
        element("form").hidden = true;
        element("outcome").textContent = action.done;
      } else if (answer.status === 401 && what === "invitation") {
        element("outcome").textContent = "Sign in first, with the address that was invited, and open the link again.";
      } else {
        element("outcome").textContent = said.detail || "That did not work.";
      }
    } catch {
      element("outcome").textContent = "The server cannot be reached. Try again.";
    }
    element("go").disabled = false;
  });
}
