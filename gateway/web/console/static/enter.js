// The form is what uses the link up: whatever merely looks at the address does not.
document.getElementById("enter").requestSubmit();
