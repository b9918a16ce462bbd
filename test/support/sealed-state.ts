import { type LoginState, openLogin, sealLogin } from "../../src/connection/login-state.ts";
import { createKeyring } from "../../src/connection/seal.ts";
import { SEALING_KEY } from "./worker.ts";

/** Seals and opens OAuth states with the Worker's key and code. */

const BASE64 = { base64: "base64", base64url: "base64url" } as const;
interface Base64Options {
  alphabet?: keyof typeof BASE64;
}

// Adds methods of `Uint8Array` that exist in Workers but not in Node 24.
if (!("toBase64" in Uint8Array.prototype)) {
  Object.defineProperty(Uint8Array.prototype, "toBase64", {
    value(this: Uint8Array, { alphabet = "base64" }: Base64Options = {}) {
      return Buffer.from(this).toString(BASE64[alphabet]);
    },
  });
  Object.defineProperty(Uint8Array, "fromBase64", {
    value: (text: string, { alphabet = "base64" }: Base64Options = {}) =>
      new Uint8Array(Buffer.from(text, BASE64[alphabet])),
  });
}

const keyring = () => {
  const [kid = "", key = ""] = SEALING_KEY.split(":");
  return createKeyring([{ kid, key: new Uint8Array(Buffer.from(key, "base64")) }]);
};

export const sealState = (login: LoginState): Promise<string> => sealLogin(keyring(), login);

/** Returns the content of a state that the Worker sealed. */
export async function openState(state: string): Promise<LoginState> {
  const login = await openLogin(keyring(), state, Date.now());
  if (!login) throw new Error("The state does not open");
  return login;
}
