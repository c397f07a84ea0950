/** Proposals where the configuration names none: strongest and, on our own fast path, fastest first; AES for peers that want it. */
export const IKE_PROPOSALS: readonly string[] = [
  "chacha20poly1305-sha256-x25519",
  "aes256gcm16-sha384-ecp384",
  "aes128gcm16-sha256-ecp256",
];
export const ESP_PROPOSALS: readonly string[] = ["chacha20poly1305", "aes256gcm16", "aes128gcm16"];
