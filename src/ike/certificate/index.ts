/** Certificates: what is read in them, who vouches for them, and our own. */
export { type Certificate, readCertificate, timeText } from "./certificate.ts";
export { Credentials, type CredentialsConfig } from "./credentials.ts";
export { type CertificateCode, CertificateError } from "./error.ts";
export { MAX_INTERMEDIATES, mistrust, type PathQuestion } from "./path.ts";
export { MAX_ANCHORS, Trust } from "./trust.ts";
