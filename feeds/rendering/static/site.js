// Copy buttons: without this script there are none, and addresses are copied by hand.
"use strict";
for (const button of document.querySelectorAll(".copy button")) {
  const field = button.parentElement.querySelector("input, textarea");
  const said = document.querySelector("[role=status]");
  const label = button.firstChild;
  const before = label.data;
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Not allowed, or not over HTTPS.
      field.select();
      document.execCommand("copy");
    }
    label.data = "Copied";
    if (said) said.textContent = `Copied ${field.value}`;
    setTimeout(() => (label.data = before), 3000);
  });
}
