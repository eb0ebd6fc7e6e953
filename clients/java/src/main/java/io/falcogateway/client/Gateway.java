package io.falcogateway.client;

import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.nio.file.Path;

/**
 * Makes channels to a gateway at {@code host:port} or {@code unix:///path}.
 *
 * <p>They work with {@link AlertStream} and with the stubs in {@code io.falcogateway.v1}. Nothing
 * is connected before the first call.
 */
public final class Gateway {

    private final String address;
    private Path ca;
    private Path certificate;
    private Path key;

    private Gateway(String address) {
        this.address = address;
    }

    /**
     * A channel without TLS.
     *
     * @throws IllegalArgumentException when there are no channels to such an address
     */
    public static ManagedChannel connect(String address) {
        return new Gateway(address).build(InsecureChannelCredentials.create());
    }

    /** A gateway to connect to with more than its address. */
    public static Gateway at(String address) {
        return new Gateway(address);
    }

    /** Speak TLS with a gateway whose certificate this authority signed; a PEM file. */
    public Gateway ca(Path file) {
        this.ca = file;
        return this;
    }

    /** Show this certificate to a gateway that asks for one; PEM files. */
    public Gateway certificate(Path certificateFile, Path keyFile) {
        this.certificate = certificateFile;
        this.key = keyFile;
        return this;
    }

    /**
     * The channel.
     *
     * @throws IOException when a file cannot be read
     * @throws IllegalArgumentException when a file does not hold what it should, or there are no
     *     channels to such an address
     */
    public ManagedChannel connect() throws IOException {
        if (ca != null) {
            return build(tls());
        }
        if (certificate != null) {
            throw new IllegalArgumentException(
                    "a certificate needs a ca: without it there is no TLS");
        }
        return connect(address);
    }

    private ChannelCredentials tls() throws IOException {
        TlsChannelCredentials.Builder tls = TlsChannelCredentials.newBuilder();
        tls.trustManager(ca.toFile());
        if (certificate != null) {
            tls.keyManager(certificate.toFile(), key.toFile());
        }
        return tls.build();
    }

    private ManagedChannel build(ChannelCredentials credentials) {
        ManagedChannelBuilder<?> channel = channel(credentials);
        if (isUnix()) {
            // Else gRPC names the host by the socket's path, which is no host's name.
            channel.overrideAuthority("localhost");
        }
        return channel.build();
    }

    private ManagedChannelBuilder<?> channel(ChannelCredentials credentials) {
        if (address.contains("://") && !isUnix()) {
            throw new IllegalArgumentException(
                    "an address is host:port or unix:///path, not " + address);
        }
        try {
            return Grpc.newChannelBuilder(address, credentials);
        } catch (RuntimeException refused) {
            throw new IllegalArgumentException(advice() + ": " + refused.getMessage(), refused);
        }
    }

    private String advice() {
        if (ca != null) {
            String own = certificate == null ? "" : ", " + certificate + " and " + key;
            return "no TLS with " + ca + own + ", which must be PEM files";
        }
        if (isUnix()) {
            return "no channel to " + address + ", gRPC for Java has unix sockets on Linux only;"
                    + " else let the gateway listen at a host:port";
        }
        return "no channel to " + address;
    }

    private boolean isUnix() {
        return address.startsWith("unix:");
    }
}
